"""SEM: text from programs and models in a label. The marks of tokenisers are in `tokens`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has


def _any(words: Iterable[str]) -> str:
    """One of these words. A tokeniser may have put spaces between its letters."""
    return "|".join(r"\s*".join(map(re.escape, word)) for word in words)


#: Special tokens of sequence models, in upper or lower case: those between `<` and `>`, …
_ANGLED = ("pad", "unk", "eos", "bos", "sos", "eol", "eot", "sep", "mask", "cls", "start", "end", "oov")
#: … marks for images and other media, …
_MEDIA = ("image", "img", "video", "audio")
#: … those between `<|` and `|>`, …
_BARRED = (
    *("im_start", "im_end", "im_sep", "endoftext", "endofprompt", "begin_of_text", "end_of_text", "eot_id"),
    *("image_pad", "video_pad", "vision_pad", "vision_start", "vision_end", "box_start", "box_end"),
    *("start_header_id", "end_header_id", "user", "assistant", "system", "image", "end", "pad"),
)
#: … and those between brackets. If their letters are spaced, only capitals count: `[ p a d ]` may be a product.
_BRACKETED = ("UNK", "PAD", "CLS", "SEP", "MASK", "BOS", "EOS", "INST", "/INST")
#: Tags that models put around an answer.
_TAGS = ("think", "answer", "latex", "formula", "equation", "start_of_turn", "end_of_turn")

_TOKENS = (
    rf"<\s*/?\s*(?:{_any((*_ANGLED, *_MEDIA))})\s*/?\s*>|<\s*/\s*s\s*>|<\s*\|\s*(?:{_any(_BARRED)})\s*\|\s*>"
    rf"|<\|[a-z]\w{{2,40}}\|>|<｜[^<>｜]{{1,40}}｜>|\[(?:{'|'.join(_BRACKETED)})\]|</?(?:{'|'.join(_TAGS)})>"
    r"|<(?:extra_id|unused|special_token|reserved_special_token|loc)_?\d+>|<0x[0-9a-f]{2}>"
)
_PICTURES = ("png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "pdf")
#: Links, and pictures in Markdown, HTML and LaTeX.
_LINKS = (
    r"https?://\S+|www\.\S+|h\s*t\s*t\s*p\s*(?:s\s*)?:\s*/\s*/|w\s*w\s*w\s*\.\s*[a-z]|data:image/\S+|<img\b[^<>]*>?"
    r"|!\s*\[\s*\]\s*\([^()]*\)?"
    rf"|!\s*\[[^\[\]]*\]\s*\(\s*(?:[^()]+\.\s*(?:{_any(_PICTURES)})|https?:|data:)[^()]*\)?"
    r"|\\includegraphics(?![A-Za-z])\s*(?:\[[^\[\]]*\])?\s*(?:\{[^{}]*\})?"
)
_PHRASES = r"M ?a ?t ?h ?T ?y ?p ?e ?!?|l\s*o\s*r\s*e\s*m\s*i\s*p\s*s\s*u\s*m|u\s*n\s*d\s*e\s*f\s*i\s*n\s*e\s*d"
_JUNK = re.compile(
    rf"(?i:{_TOKENS}|{_LINKS}|{_PHRASES})|\[\s*(?:{_any(_BRACKETED)})\s*\]|<s>|(?<![A-Za-z\\])NaN(?![A-Za-z]|\s*_)"
)
#: If a sequence ends, another may begin. Alone, `< s >` may be a mean.
_BEGIN, _END = re.compile(r"<\s*[sS]\s*>"), re.compile(r"<\s*/\s*[sS]\s*>")

#: What programs and annotators write instead of a formula, in any case.
_WORDS = (
    *(
        "nan",
        "null",
        "none",
        "undefined",
        "error",
        "invalid",
        "failed",
        "failure",
        "empty",
        "blank",
        "missing",
        "unknown",
    ),
    *("illegible", "unreadable", "unrecognizable", "unrecognisable", "unclear", "todo", "tbd"),
)
_SAID = (
    "not available",
    "not found",
    "no formula",
    "no latex",
    "no text",
    "no math",
    "n/a",
    "#n/a",
    "#value!",
    "#ref!",
)
_AROUND = (
    r"""(?:[\s{}$\[\]()<>"'`*.!:-]|\\[\[\]()]|\\(?:text\w{0,2}|math\w{2}|mbox|hbox|operatorname|displaystyle|rm)\b)*"""
)
#: A whole label. It is also a valid expression for Rust, so that a sieve can use it.
_NOTHING = (
    rf"(?is)^{_AROUND}(?:{_any(_WORDS)}|{'|'.join(map(re.escape, _SAID))}|\?(?:\s*\?){{2,}}){_AROUND}$"
    r"|^\s*(?:error|exception|traceback)\s*[:(]"
)
_IS_NOTHING = re.compile(_NOTHING)


@rule(
    "SEM005",
    "junk-text",
    "error",
    has(
        r"(?i)<\s*[/|]?\s*[a-z]|<0x|<｜|\[\s*/?\s*[upcsmbei]\s*[a-z]|https?:|h\s*t\s*t\s*p|w\s*w\s*w\s*\.|data:image|!\s*\[|"
        r"\\includegraphics|m ?a ?t ?h ?t ?y ?p ?e|l\s*o\s*r\s*e\s*m|u\s*n\s*d\s*e\s*f|nan"
    )
    | has(_NOTHING),
    tags=["damage", "program-text"],
    covers=["SEM5"],
)
def junk_text(label: Label, options: Options) -> Iterator[Finding]:
    r"""Text that can't be part of a formula: a model's special token, a URL, a link to an image, "MathType!", `NaN`; or
    a label that consists of `null`, `ERROR`, `illegible`, `???` or the like.

    Why: It comes from a program, not from the picture. A tokeniser may have put spaces between its letters.
    Fires: ``M a t h T y p e ! x`` -> ``M a t h T y p e !``
    Fires: ``<pad> <pad>`` -> ``<pad>`` ``<pad>``
    Fires: ``x ^ { 2 } < / s >`` -> ``< / s >``
    Fires: ``a + b <|im_end|>`` -> ``<|im_end|>``
    Fires: ``https://a.b/c`` -> ``https://a.b/c``
    Fires: ``![](formula.png)`` -> ``![](formula.png)``
    Fires: ``\includegraphics{a}`` -> ``\includegraphics{a}``
    Fires: ``x = NaN`` -> ``NaN``
    Fires: ``\text{illegible}`` -> ``\text{illegible}``
    Fires: ``? ? ?`` -> ``? ? ?``
    Quiet: ``a < b > c``
    Quiet: ``< s > = 0``
    Quiet: ``< | x | >``
    Quiet: ``N a N + 1``
    Quiet: ``NaN_3``
    Quiet: ``\frac { 1 } { 0 } = \text { undefined }``
    Quiet: ``n ! [ k ] ( a )``
    Quiet: ``x = ?``
    Fix: None: drop the sample. No other rule's fix may make it unrecognisable.
    See: MathNet remove_mathtype; hendrycks/math issue 10.
    """
    text = label.text
    if _IS_NOTHING.search(text):
        yield Finding("the label says that there is no formula", 0, len(text))
        return
    places = [match.span() for match in _JUNK.finditer(text)]
    if _END.search(text):
        places = sorted({*places, *(match.span() for match in _BEGIN.finditer(text))})
    for start, end in places:
        if not _is_said(label, start, end):
            yield Finding("this text can't be part of a formula", start, end)


def _is_said(label: Label, start: int, end: int) -> bool:
    r"""Is it the word "undefined" in a text, as in `= \text{undefined}`?"""
    if re.sub(r"\s", "", label.text[start:end]).lower() != "undefined":
        return False
    return start in label.aside
