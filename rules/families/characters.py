"""UNI: characters outside ASCII. Control characters are in `escapes`, teachers' ticks in `content`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex import unicode_math
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import NON_ASCII

_HAN = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_CJK = re.compile(
    rf"[{_HAN}\u3001\u3002\u300a-\u300f](?:[ {_HAN}\u3001\u3002\u300a-\u300f]*[{_HAN}\u3001\u3002\u300a-\u300f])?"
)


@rule(
    "UNI001",
    "cjk-in-math",
    "info",
    NON_ASCII,
    fix="unsafe",
    fix_kind="repair",
    profiles=("default", "handwritten", "printed"),
    covers=["UNI1"],
)
def cjk_in_math(label: Label, options: Options) -> Iterator[Finding]:
    r"""Chinese, Japanese or Korean text in math mode: `解 : x = 2`, `1 、 2`.

    Why: pdfLaTeX stops at it, KaTeX warns, and normalisers that keep only ASCII drop it silently. It also adds a long
    tail of rare tokens.
    Fires: ``解 x = 2`` -> ``解`` => ``\text{解} x = 2``
    Fires: ``原 式 = 3`` -> ``原 式`` => ``\text{原式} = 3``
    Fires: ``1 、 2`` -> ``、`` => ``1 , 2``
    Quiet: ``\text{解} x = 2``
    Quiet: ``x = 2 % 解``
    Fix: Unsafe: `\text{…}` around words, a comma for `、`. The rule is off in the profile m2e, where lines are text.
    See: 0.68 % of HME100K's training labels. Uni-MuMER's copy of its test set leaves out 591 such items.
    """
    for match in _CJK.finditer(label.text):
        if match.start() in label.aside:
            continue
        words = match[0].replace(" ", "")
        replacement = "," if words == "、" else "." if words == "。" else f"\\text{{{words}}}"
        yield Finding("text in math mode", *match.span(), replacement)


@rule("UNI002", "full-width", "info", NON_ASCII, fix="unsafe", fix_kind="style", covers=["UNI2"])
def full_width(label: Label, options: Options) -> Iterator[Finding]:
    r"""A full-width form of an ASCII character: `（ ）`, `：`, `％`.

    Why: The vocabulary gets two tokens for one sign, and LaTeX doesn't know this one.
    Fires: ``（ a ）`` -> ``（`` ``）`` => ``( a )``
    Fires: ``5 0 ％`` -> ``％`` => ``5 0 \%``
    Quiet: ``( a )``
    Quiet: ``\text{解：}``
    Fix: Unsafe: the ASCII character, whose width differs. `％` becomes `\%`.
    See: HCIILAB/LAST dataset/dic.txt has `％ ： （ ）` as well as their ASCII forms.
    """
    for match in re.finditer("[\uff01-\uff5e\u3000]", label.text):
        if match.start() not in label.aside:
            plain = unicodedata.normalize("NFKC", match[0])
            yield Finding(f"{match[0]} is the full-width form of {plain}", *match.span(), unicode_math.escaped(plain))


@rule("UNI003", "unicode-symbol", "info", NON_ASCII, fix="safe", fix_kind="style", covers=["UNI3"])
def unicode_symbol(label: Label, options: Options) -> Iterator[Finding]:
    r"""A Unicode character for which LaTeX has a command: `×`, `≤`, `α`, `√`.

    Why: pdfLaTeX doesn't know most of them, and data sets that have them also have the commands: two tokens for one
    sign.
    Fires: ``a × b ≤ c`` -> ``×`` ``≤`` => ``a \times b \leq c``
    Fires: ``∑ α`` -> ``∑`` ``α`` => ``\sum \alpha``
    Fires: ``a ∣ b`` -> ``∣`` => ``a \mid b``
    Quiet: ``a \times b``
    Quiet: ``\text{café α}``
    Quiet: ``解``
    Fix: Safe where math-core draws both alike; display elsewhere. What a `√` covers can't be known.
    """
    for match in re.finditer(r"[^\x00-\x7f]", label.text):
        command = unicode_math.command(match[0])
        if command is None or match.start() in label.aside:
            continue
        glued = label.text[match.end() : match.end() + 1].isalpha() and command[-1].isalpha()
        yield Finding(
            f"{match[0]} is written {command} in LaTeX",
            *match.span(),
            f"{command} " if glued else command,
            fix="display" if match[0] in "√∛∜" else None,
        )


@rule("UNI004", "look-alike-character", "warning", NON_ASCII, fix="safe", fix_kind="repair", covers=["UNI4"])
def look_alike_character(label: Label, options: Options) -> Iterator[Finding]:
    r"""A character that looks like an ASCII character: a Cyrillic а, the minus sign U+2212, a typographic quote.

    Why: People don't see the difference, but programs do: search misses the label, and the vocabulary gets two tokens
    for one sign.
    Fires: ``x − 1`` -> ``−`` => ``x - 1``
    Fires: ``а + b`` -> ``а``
    Fires: ``f′`` -> ``′`` => ``f'``
    Quiet: ``x - 1``
    Quiet: ``a ∣ b``
    Quiet: ``α + β``
    Quiet: ``\text{да}``
    Fix: Safe where math-core draws both alike, as with the minus sign; elsewhere it is not proven.
    """
    for match in re.finditer(r"[^\x00-\x7f]", label.text):
        plain = unicode_math.LOOK_ALIKES.get(match[0])
        if plain is not None and match.start() not in label.aside:
            name = unicodedata.name(match[0], "?").lower()
            yield Finding(f"U+{ord(match[0]):04X}, {name}, looks like {plain}", *match.span(), plain)


_INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe00-\ufe0f"
_ODD_SPACE = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2028\u2029"


@rule("UNI005", "invisible-character", "warning", NON_ASCII, fix="unsafe", fix_kind="repair", covers=["UNI5"])
def invisible_character(label: Label, options: Options) -> Iterator[Finding]:
    """An invisible character: a zero-width space, a byte order mark, a mark of writing direction, a no-break space.

    Why: Two labels look the same in every editor and yet differ. LaTeX stops at the character or draws a box.
    Fires: ``x\u200by`` -> ``\u200b`` => ``xy``
    Fires: ``\ufeffx\u00a0y`` -> ``\ufeff`` ``\u00a0`` => ``x y``
    Quiet: ``x y``
    Quiet: ``x ~ y``
    Fix: Unsafe: the character is dropped; an unusual space becomes a plain one. math-core draws these characters as
    signs, so the visual key can't prove the fix.
    """
    for match in re.finditer(f"[{_INVISIBLE}{_ODD_SPACE}]", label.text):
        space = re.match(f"[{_ODD_SPACE}]", match[0]) is not None
        name = unicodedata.name(match[0], "a separator").lower()
        yield Finding(f"U+{ord(match[0]):04X}, {name}, is invisible", *match.span(), " " if space else "")


@rule(
    "UNI006",
    "styled-letter",
    "warning",
    NON_ASCII,
    fix="unsafe",
    fix_kind="repair",
    covers={"UNI3": "for letters in a font, and scripts as characters"},
)
def styled_letter(label: Label, options: Options) -> Iterator[Finding]:
    r"""A Unicode character that is a letter in a font: `𝑥`, `𝐀`, `ℝ`.

    Why: It was copied from a PDF or a word processor. pdfLaTeX doesn't know it; `\mathbf { A }` or a plain x is meant.
    Fires: ``𝑥 + 1`` -> ``𝑥`` => ``x + 1``
    Fires: ``v ∈ ℝ`` -> ``ℝ`` => ``v ∈ \mathbb { R }``
    Quiet: ``x + 1``
    Quiet: ``\mathbb { R }``
    Fix: Unsafe: the plain letter, in `\mathbf`, `\mathbb`, `\mathcal`, `\mathfrak`, `\mathsf` or `\mathtt` if it needs
    one.
    """
    for match in re.finditer(r"[\U0001d400-\U0001d7ff\u2100-\u214f]", label.text):
        letter = unicode_math.styled(match[0])
        if letter is not None:
            yield Finding(f"{match[0]} is a letter in a font", *match.span(), letter)


@rule(
    "UNI007",
    "script-character",
    "warning",
    NON_ASCII,
    fix="unsafe",
    fix_kind="repair",
    covers={"UNI3": "for letters in a font, and scripts as characters"},
)
def script_character(label: Label, options: Options) -> Iterator[Finding]:
    r"""A superscript or subscript that is a Unicode character: `x²`, `H₂O`.

    Why: pdfLaTeX doesn't know most of them, and they are a second spelling of `^ { 2 }`.
    Fires: ``x² + y²`` -> ``²`` ``²`` => ``x ^ { 2 } + y ^ { 2 }``
    Fires: ``10⁻¹`` -> ``⁻¹`` => ``10 ^ { - 1 }``
    Fires: ``H₂O`` -> ``₂`` => ``H _ { 2 } O``
    Quiet: ``x ^ { 2 }``
    Quiet: ``\text{m²}``
    Fix: Unsafe: `^ { 2 }`.
    """
    for match in re.finditer("([²³¹⁰-\u207f]+)|([\u2080-\u208e]+)", label.text):
        if match.start() in label.aside:
            continue
        plain = unicodedata.normalize("NFKC", match[0]).replace("−", "-")
        sign = "^" if match[1] else "_"
        gap = " " if label.text[match.end() : match.end() + 1].strip() else ""
        yield Finding("a Unicode character instead of a script", *match.span(), f" {sign} {{ {' '.join(plain)} }}{gap}")


@rule("UNI008", "combining-mark", "warning", NON_ASCII, fix="unsafe", fix_kind="repair", covers=["UNI5"])
def combining_mark(label: Label, options: Options) -> Iterator[Finding]:
    r"""An accent that is a combining Unicode character: `x` and U+0304.

    Why: LaTeX sets the accent beside the letter or not at all. `\bar { x }` is meant.
    Fires: ``x̄ + 1`` -> ``x̄`` => ``\bar { x } + 1``
    Quiet: ``\bar { x } + 1``
    Quiet: ``é``
    Fix: Unsafe: the accent's command.
    """
    for match in re.finditer("(\\w)([\u0300-\u036f\u20d0-\u20f0])", label.text):
        accent = unicode_math.ACCENTS.get(match[2])
        replacement = f"{accent} {{ {match[1]} }}" if accent else None
        yield Finding(f"U+{ord(match[2]):04X} is a combining accent, which LaTeX can't set", *match.span(), replacement)


_MOJIBAKE = re.compile(
    "\ufffd|[\u00c2\u00c3\u00ce\u00cf][\u0080-\u00bf]|\u00e2[\u0080-\u00bf\u02c6\u20ac\u2030][\u0080-\u00bf\u2013-\u2122]|[\ue000-\uf8ff]"
)


@rule(
    "UNI009",
    "broken-encoding",
    "warning",
    NON_ASCII,
    fix="display",
    fix_kind="repair",
    covers={"UNI5": "for text in the wrong encoding"},
)
def broken_encoding(label: Label, options: Options) -> Iterator[Finding]:
    """Text that was read in the wrong encoding: U+FFFD, `Ã` and U+0097 for `×`, private-use characters.

    Why: The original character is lost or garbled, and no picture shows what is there now.
    Fires: ``a \ufffd b`` -> ``\ufffd``
    Fires: ``a \u00c3\u0097 b`` -> ``\u00c3\u0097`` => ``a × b``
    Quiet: ``a × b``
    Quiet: ``Â``
    Fix: Display: the text decoded as UTF-8, if that is possible.
    """
    for match in _MOJIBAKE.finditer(label.text):
        try:
            meant: str | None = match[0].encode("latin-1").decode()
        except (UnicodeEncodeError, UnicodeDecodeError):
            meant = None
        yield Finding(_garbled(match[0]), *match.span(), meant)


def _garbled(text: str) -> str:
    if text == "\ufffd":
        return "U+FFFD stands for a character that couldn't be read"
    if "\ue000" <= text <= "\uf8ff":
        return f"U+{ord(text):04X} is a private-use character: what it draws depends on the font"
    return "this looks like text that was read in the wrong encoding"


#: Characters that other rules report: those in this file, and SEM's on the marks of tokenisers.
_OTHERS_SPEAK = re.compile(
    f"[{_HAN}\u3001\u3002\u2460-\u24ff\u25a0-\u25ff\u3008-\u301f\uff00-\uffef{_INVISIBLE}{_ODD_SPACE}\u0300-\u036f\u20d0-\u20f0\ufffd\ue000-\uf8ff"
    "\U0001d400-\U0001d7ff\u2100-\u214f²³¹\u2070-\u208e\u0109\u010a\u0120\u2581\x80-\x9f]"
)
_FOREIGN = re.compile("[^\x00-\x7f]+")


@rule(
    "UNI010",
    "foreign-letter",
    "warning",
    NON_ASCII,
    covers={"UNI1": "for scripts other than Chinese, Japanese, Korean"},
)
def foreign_letter(label: Label, options: Options) -> Iterator[Finding]:
    r"""A character in math mode that LaTeX can't set and that has no command: `é`, Thai, Arabic, an emoji.

    Why: pdfLaTeX stops at it ("Unicode character … not set up") or drops it. Often it is a word from the page, a
    reaction in a chat, or text in the wrong encoding.
    Fires: ``é ^ 2`` -> ``é``
    Fires: ``x = สวัสดี`` -> ``สวัสดี``
    Fires: ``a + b 😀`` -> ``😀``
    Fires: ``Ж_1`` -> ``Ж``
    Quiet: ``\text{é}``
    Quiet: ``\acute{e}``
    Quiet: ``α × 解``
    Quiet: ``x²``
    Fix: None: write `\acute { e }` for an accent, put `\text{…}` around a word, or drop the sample.
    """
    for match in _FOREIGN.finditer(label.text):
        for start, end in _runs(match[0]):
            if match.start() + start not in label.aside:
                yield Finding("LaTeX has no math symbol for this character", match.start() + start, match.start() + end)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """The runs of characters that no other rule reports."""
    start = None
    for place, character in enumerate(f"{text}x"):
        foreign = (
            not character.isascii()
            and not _OTHERS_SPEAK.match(character)
            and character not in unicode_math.LOOK_ALIKES
            and unicode_math.command(character) is None
        )
        if foreign and start is None:
            start = place
        elif not foreign and start is not None:
            yield start, place
            start = None
