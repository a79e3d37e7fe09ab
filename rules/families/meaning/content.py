"""SEM: content that isn't part of the formula, or that occurs twice. Text from programs is in `junk`.

No rule covers symbols mislabelled as their look-alikes in general (SEM3 in the catalogue of defects: 2 and z, 1 and l):
such a label looks like any other, and only its picture or a model's prediction shows the mistake. SEM021, SEM022,
SEM015 and SEM002 cover the cases that the label itself gives away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.options import count
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import NON_ASCII, has, has_text

_TICK = re.compile(r"√(?!\s*[\w({\\\[|√∛∜∑∏∫⟨⌊⌈.-])")


@rule(
    "SEM001", "grading-mark", "warning", NON_ASCII | has_text(r"\checkmark"), severity_in=PUPILS_SLIP, covers=["SEM1"]
)
def grading_mark(label: Label, options: Options) -> Iterator[Finding]:
    r"""A teacher's mark in the formula: a tick, a cross, a root sign with nothing under it.

    Why: The pupil didn't write it. Some annotators transcribe it, and some don't.
    Fires: ``x = 1 ✓`` -> ``✓``
    Fires: ``\textcircled { √ }`` -> ``√``
    Fires: ``3 + 4 = 7 \checkmark`` -> ``\checkmark``
    Quiet: ``√ 2``
    Quiet: ``√{x + 1}``
    Quiet: ``√ | x |``
    Quiet: ``\sqrt { 2 }``
    Fix: None: drop the mark or the sample.
    See: HME100K has `√` as `_ { √ }` and `\textcircled { √ }`.
    """
    for match in re.finditer(r"[✓✔✗✘☑☒]", label.text):
        yield Finding(f"{match[0]} is probably a grading mark", *match.span())
    for match in _TICK.finditer(label.text):
        yield Finding("a root sign with nothing under it: probably a tick", *match.span())
    for index in label.find(r"\checkmark"):
        yield label.at(index, index + 1, "a tick is probably not part of the formula")


#: Formulas so common in school chemistry that, in small letters, they are not a product of variables.
_COMPOUNDS = [
    "H_2O",
    "CO_2",
    "H_2SO_4",
    "NaOH",
    "NaCl",
    "HCl",
    "CaCO_3",
    "CaCl_2",
    "Na_2CO_3",
    "NaHCO_3",
    "CaO",
    "CuO",
    "CuSO_4",
    "FeSO_4",
    "Fe_2O_3",
    "Fe_3O_4",
    "KMnO_4",
    "KClO_3",
    "MnO_2",
    "H_2O_2",
    "AgNO_3",
    "BaCl_2",
    "BaSO_4",
    "MgO",
    "MgCl_2",
    "ZnSO_4",
    "SO_2",
    "SO_3",
    "SO_4",
    "NO_2",
    "NO_3",
    "NH_3",
    "CO_3",
    "HNO_3",
    "H_2CO_3",
    "AlCl_3",
    "CuCl_2",
    "FeCl_2",
    "FeCl_3",
]
_COMPOUND = {compound.replace("_", "").lower(): compound for compound in _COMPOUNDS}
_RUN = re.compile(r"(?<!\S)(?:[A-Za-z0](?: _ \{ \d \}| _ \d)? ?){2,8}(?<! )(?!\S)")
_SURE = re.compile(r"(?<!\S)(?:H _ \{ 2 \} (?:O|S O)|N a|C l|C a|C u|F e|M g|Z n|S O _|C O _|O H|N H _)(?!\S)")


#: A misspelt formula has at least one of these tokens.
_SLIPPED = frozenset([*"ochsnkmbz0LAUEG"])
_ZERO = re.compile(r"(?<!\S)(?<![A-Za-z}] )0 _ (?:\{ [2-4] \}|[2-4])(?!\S)")
_SURE_SIEVE = r"H\s*_\s*\{?\s*2\s*\}?\s*[OS]|N\s*a|C\s*[lau]|F\s*e|M\s*g|Z\s*n|[SC]\s*O\s*_|O\s*H|N\s*H\s*_"


@rule("SEM002", "chemistry-case", "info", has(_SURE_SIEVE), fix="display", fix_kind="repair", covers=["SEM2"])
def chemistry_case(label: Label, options: Options) -> Iterator[Finding]:
    r"""A chemical formula with a letter in the wrong case or a zero for O: `H _ { 2 } o`, `c o _ { 2 }`, `C 0 _ { 2 }`.

    Why: C and c look alike in handwriting, and so do O, o and 0. The label teaches the wrong one.
    Fires: ``N a _ { 2 } C O _ { 3 } + c o _ { 2 }`` -> ``c o _ { 2 }`` => ``N a _ { 2 } C O _ { 3 } + C O _ { 2 }``
    Fires: ``C u O + H _ { 2 } = C u + H _ { 2 } 0`` -> ``H _ { 2 } 0`` => ``C u O + H _ { 2 } = C u + H _ { 2 } O``
    Fires: ``2 H _ { 2 } O = 2 H _ { 2 } + 0 _ { 2 }`` -> ``0 _ { 2 }`` => ``2 H _ { 2 } O = 2 H _ { 2 } + O _ { 2 }``
    Quiet: ``N a _ { 2 } C O _ { 3 } + C O _ { 2 }``
    Quiet: ``c o _ { 2 }``
    Quiet: ``k _ { 2 } + c _ { 0 }``
    Fix: Display: the formula as chemists write it. Only labels that also contain a correctly spelt formula are judged.
    """
    if label.words.isdisjoint(_SLIPPED) or not _SURE.search(label.spaced):
        return
    words = label.prose
    for place in places(label, _ZERO):
        rest = label.text[label.spans[place.start][1] : label.spans[place.end - 1][1]]
        yield label.at(place.start, place.end, "a zero with a subscript: chemists write O", f"O{rest}")
    for place in places(label, _RUN):
        tokens = [token for token in label.tokens[place.start : place.end] if token not in ("_", "{", "}")]
        found = "".join(tokens)
        known = _COMPOUND.get(found.lower()) or _COMPOUND.get(found.lower().replace("0", "o"))
        if known is None or place.start in words or found == known.replace("_", ""):
            continue
        digits = [i for i in range(place.start, place.end) if label.tokens[i].isdecimal() and label.tokens[i] != "0"]
        if len(digits) == sum(c.isdecimal() for c in known):
            shown = re.sub(r"_(\d)", r" _ { \1 }", re.sub(r"(?<=[A-Za-z\d])(?=[A-Z])", " ", known))
            yield label.at(
                place.start, place.end, f"chemists write {shown}", re.sub(r"([A-Z])([a-z])", r"\1 \2", shown)
            )


#: Shorter runs are short formulas, and searching them costs more than it finds.
_SHORTEST_RUN = 40


@rule(
    "SEM006",
    "repetition",
    "info",
    pl.col("tokens") >= _SHORTEST_RUN,
    options={"times": count(8, at_least=2), "longest": count(12, at_least=1)},
    covers=["SEM6"],
)
def repetition(label: Label, options: Options) -> Iterator[Finding]:
    r"""A part of a formula repeated many times in a row: `+ \frac { 1 } { 2 } + \frac { 1 } { 2 } …`.

    Why: Models that are stuck write such labels, and so do annotators who paste. A few are right.
    Fires: ``( x + 1 ) ( x + 1 ) ( x + 1 ) ( x + 1 ) ( x + 1 ) ( x + 1 ) ( x + 1 ) ( x + 1 )``
    Quiet: ``a + a + a + a``
    Quiet: ``1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0``
    Quiet: ``\begin{array}{cccccccccccccccccccccccccccccccccccccccccccccc} 1 \end{array}``
    Quiet: ``x ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ y``
    Fix: None. `times` is the number of repetitions, and `longest` the greatest length of the part in tokens. Runs of
    digits or spaces are not reported, nor are runs of fewer than 40 tokens.
    See: Nougat truncate_repetitions.
    """
    tokens = label.tokens
    longest = options["longest"]
    least = max(_SHORTEST_RUN, 2 * longest + 4)
    done = 0
    # A run of at least this length contains one of these halves completely.
    for checked in range(0, len(tokens) - least // 2, least // 2):
        if checked < done or tokens[checked] not in tokens[checked + 1 : checked + 1 + longest]:
            continue
        for size in _periods(tokens, checked, longest):
            start, end = _run(tokens, checked, size)
            if (
                end - start >= max(least, size * options["times"])
                and not _UNCOUNTED.issuperset(token for token in tokens[start : start + size] if not token.isdecimal())
                and start not in label.prose
            ):
                repeated = f"'{label.shown(start, start + size)}' {(end - start) // size} times in a row"
                yield label.at(start, end, repeated)
                return
            done = max(done, end)


def _periods(tokens: list[str], at: int, longest: int) -> Iterator[int]:
    """The distances at which the two tokens here occur again."""
    first, second = tokens[at], tokens[at + 1]
    for size in range(1, longest + 1):
        if tokens[at + size] == first and tokens[at + size + 1] == second:
            yield size


def _run(tokens: list[str], at: int, size: int) -> tuple[int, int]:
    """The range around this place in which tokens repeat after `size` tokens: (first token, token after the last)."""
    end = at
    while end + size < len(tokens) and tokens[end] == tokens[end + size]:
        end += 1
    start = at
    while start and tokens[start - 1] == tokens[start - 1 + size]:
        start -= 1
    return start, end + size


_UNCOUNTED = frozenset(
    ["~", ".", "-", "{", "}", "&", r"\\", "=", r"\,", r"\;", r"\:", r"\!", "\\ ", r"\quad", r"\qquad", r"\cdot", "_"]
)

_TAG = re.compile(r"(?<!\S)< (?:/ )?(?:s u [bp]|s p a n|b r|d i v|t d|t r|e m|s t r o n g|i|b)(?: /)? >(?!\S)")


@rule(
    "SEM008",
    "html-tag",
    "warning",
    has(r"<\s*/?\s*(?:s\s*u\s*[bp]|s\s*p\s*a\s*n|b\s*r|d\s*i\s*v|t\s*[dr]|e\s*m|s\s*t\s*r\s*o\s*n\s*g|[ib])\s*/?\s*>"),
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers={"ESC8": "for tags", "SEM5": ""},
)
def html_tag(label: Label, options: Options) -> Iterator[Finding]:
    r"""An HTML tag, whole or split into letters: `e < s u b > i`.

    Why: A formula was copied from a web page, and its markup was read as mathematics: "less than s u b greater than".
    Fires: ``e < s u b > i`` -> ``< s u b >`` => ``e _ i``
    Fires: ``x <sup> 2 </sup>`` -> ``<sup>`` ``</sup>`` => ``x ^ { 2 }``
    Quiet: ``e _ { i }``
    Quiet: ``a < s u b``
    Quiet: ``0 < b > 1``
    Quiet: ``< i > j``
    Fix: Display: `_` or `^`, with braces if the tag is closed.
    See: 14 labels of CROHME 2023's training set.
    """
    tags = [(place, "".join(label.tokens[place.start + 1 : place.end - 1])) for place in places(label, _TAG)]
    for number, (place, written) in enumerate(tags):
        name = written.strip("/")
        if len(name) == 1:
            continue
        replacement = _SCRIPT_TAGS.get(written)
        if replacement and [tag for _, tag in tags[number + 1 : number + 2]] == [f"/{name}"]:
            replacement += " {"
        elif written == f"/{name}" and name in _SCRIPT_TAGS and number and tags[number - 1][1] == name:
            replacement = "}"
        yield label.at(place.start, place.end, f"<{name}> looks like an HTML tag", replacement)


_SCRIPT_TAGS = {"sub": "_", "sup": "^"}


#: Shorter repetitions can be one equation: `x + y = 2 x + y = 2`.
_SHORTEST_TWIN = 8
_DISPLAYSTYLE = re.compile(r"\{\s*\\displaystyle\s*(.+?)\s*\}\s*$", re.DOTALL)


@rule(
    "SEM007",
    "serialised-twice",
    "warning",
    has_text(r"\displaystyle")
    | ((pl.col("tokens") >= 2 * _SHORTEST_TWIN) & (pl.col("tokens") % 2 == 0) & has(r"=.*=")),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SEM7"],
)
def serialised_twice(label: Label, options: Options) -> Iterator[Finding]:
    r"""The same formula twice in a label: as text and as TeX, or with the same tokens again.

    Why: A scraper wrote both the visible text of a page and its source. The model learns to write everything twice.
    Fires: ``a,b,c{\displaystyle a,b,c}`` -> ``a,b,c{\displaystyle a,b,c}`` => ``a,b,c``
    Fires: ``E _ 0 = m c ^ { 2 } E _ 0 = m c ^ { 2 }`` -> ``E _ 0 = m c ^ { 2 } E _ 0 = m c ^ { 2 }``
    Quiet: ``a , b , c``
    Quiet: ``( a + b ) ( a + b )``
    Quiet: ``{\displaystyle a}``
    Quiet: ``x x``
    Quiet: ``x + y = 2 x + y = 2``
    Quiet: ``1 2 3 4 5 6 1 2 3 4 5 6``
    Fix: Unsafe: the formula once.
    See: mahnazkoupaee/WikiHow-Dataset issue 17.
    """
    tokens = label.tokens
    half = len(tokens) // 2
    if half >= _SHORTEST_TWIN and len(tokens) % 2 == 0 and tokens[:half] == tokens[half:] and "=" in tokens[1:half]:
        yield Finding(
            "the label contains the formula twice", 0, len(label.text), label.text[: label.spans[half - 1][1]]
        )
        return
    match = _DISPLAYSTYLE.search(label.text)
    if match is not None and match.start():
        plain = re.sub(r"[\s{}\\]", "", label.text[: match.start()])
        if plain and plain == re.sub(r"[\s{}\\]", "", match[1]):
            yield Finding("the label contains the formula as text and as TeX", 0, len(label.text), match[1])
