"""The visual key: a hash of the MathML that math-core makes from a normalised label. Neither a renderer nor a rule.

Two labels with equal keys look the same in display style. What math-core merges or splits wrongly is corrected before
it sees the label: the reader notes edits on its way (`Reading.folds`), and the macros below define commands it lacks.
A label that can't be read, or that math-core can't convert, has no key; two missing keys are never equal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from math_core import LatexError, LatexToMathML

from rules.latex.actions import ACTIONS, NOTHING, REF, SPACE
from rules.latex.commands import COMMANDS, ENVIRONMENTS
from rules.latex.cursor import ATOM_OPEN
from rules.latex.gaps import are_braces_edited, has_gap_at_tie, ties_set_apart
from rules.latex.key_limits import is_within
from rules.latex.reader import Reading
from rules.latex.text_marks import firm_spaces

#: Written to summary.json and every exported manifest: keys of different versions are not comparable. Increased when
#: anything here, the reader's folds or math-core's minor version changes.
KEY_VERSION = 9

_DIGEST_BYTES = 12  # 96 bits: among 10^9 distinct labels a collision is a 1-in-10^11 event

# math-core doesn't know these, or merges two that look different. A macro need not draw the right thing, only something
# unlike everything else: \uE0xx are private-use characters that no label has.
_MACROS = {
    "textcircled": r"\overset{\text{}}{\boxed{\text{#1}}}",  # in text, spaces count
    "hslash": "\\mathord{\ue001}",
    "coloneq": "\\mathrel{\ue002}",
    "Coloneq": "\\mathrel{\ue005}",
    "eqcolon": "\\mathrel{\ue006}",
    "vDash": "\\mathrel{\ue007}",
    "lhd": "\\mathbin{\ue008}",
    "rhd": "\\mathbin{\ue009}",
    "unlhd": "\\mathbin{\ue00a}",
    "unrhd": "\\mathbin{\ue00b}",
    "empty": "",
    "newlinemark": "\\mathrel{\ue003}",
    "slash": "\\mathord{\ue013}",
    "notmark": "\\mathord{\ue00c}",
    "groupmark": "\\mathord{\ue00d}",
    "arraymark": "\\mathord{\ue00e}",
    "tabularmark": "\\mathord{\ue00f}",
    "boxmark": "\\mathord{\ue010}",
    "lefteqnmark": "\\mathord{\ue011}",
    "rowmark": "\\mathord{\ue015}",
    "smallmark": "\\mathord{\ue014}",
    "stackmark": "\\mathord{\ue012}",
    "dag": r"{\dagger}",
    "ddag": r"{\ddagger}",
    "Box": r"\square",
    "mit": r"\it",
    "sl": r"\it",
    "smallskip": "",
    "hfill": "\\mathord{\ue004}",
    "sp": "^",
    "sb": "_",
}

#: Commands with an argument in text mode, which is edited if it has a space of another width (`firm_spaces`).
_TEXTS = frozenset(f"\\{name}" for name, command in COMMANDS.items() if "t" in command.args)
_FOLDED_TEXTS = frozenset(["\\hbox", "\\makebox", "\\mbox", "\\textrm", "\\textnormal"])
#: Canonical tokens that the reader may have to edit for the key; without them the spelling is converted unchanged.
FOLDED = _TEXTS | frozenset(
    ["\\dfrac", "\\tfrac", "\\dbinom", "\\tbinom", "\\dots", "\\displaystyle", "'", "\\\\", "\\newline"]
    + [f"\\begin{{{name}}}" for name in ENVIRONMENTS]
    + ["\\over", "\\choose", "\\operatorname*"]
    + ["\\substack", "\\not", "~", "\\stackrel", "\\lefteqn", "\\limits", "\\nolimits"]
)


def ready(tokens: list[str], spelled: str) -> list[str] | None:
    """Canonical tokens, which are spelled so, for math-core; None if only the reader knows what it would edit for the
    key, or leave out at the end."""
    if not tokens or ACTIONS.get(tokens[-1]) == SPACE or "{}" in spelled:  # braces in text
        return None
    special = FOLDED.intersection(tokens)
    ties: list[int] | None = []
    if "~" in special:
        special -= {"~"}
        ties = ties_set_apart(tokens) if has_gap_at_tie(tokens) else []
        if ties is None:
            return None
    if special & _TEXTS:
        if special & _FOLDED_TEXTS or any(token[0] == "{" and firm_spaces(token) != token for token in tokens):
            return None
        special -= _TEXTS
    if special and not (special <= _ROWS and _rows_are_plain(tokens)):
        return None
    if ATOM_OPEN in tokens and are_braces_edited(tokens):
        return None
    if ties:
        tokens = list(tokens)
        for at in ties:
            tokens[at] = "\\ {}"
    return tokens if _MARKED.keys().isdisjoint(special) else [_MARKED.get(token, token) for token in tokens]


def _rows_are_plain(tokens: Sequence[str]) -> bool:
    """Whether all row breaks are between rows of environments, and without a star or a length."""
    depth = 0
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        depth += (token in _ROWS and token != "\\\\") - token.startswith("\\end{")
        if token.startswith("\\\\") and (
            depth == 0 or len(token) > 2 or following in ("[", "*") or following.startswith("\\end{")
        ):
            return False
    return True


#: Environments in which the reader edits nothing, and `array`, which gets a mark.
_MARKED = {"\\begin{array}": "\\arraymark\\begin{array}"}
_ROWS = frozenset(
    ["\\\\", *_MARKED]
    + [f"\\begin{{{name}}}" for name in ("matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "cases")]
)


_TRAILING = frozenset({SPACE, NOTHING})
#: The last tokens of references, which are left out.
_REF_ENDS = frozenset(["}", *(token for token, action in ACTIONS.items() if action == REF)])


@cache
def _converter() -> LatexToMathML:
    return LatexToMathML(
        fancy_error=False,
        allow_unreliable_rendering=True,
        unicode_substitution="never",
        macros=_MACROS,
    )


def normalise(label: str, toks: list[str], reading: Reading) -> str:
    """The label for math-core: without wrapper and trailing space, with the reader's edits made."""
    start, end = 0, len(toks)
    if reading.wrapper is not None:
        start, end = reading.wrapper.start, reading.wrapper.end
    last = _drawn_end(toks, start, end, reading)
    if not reading.folds and start == 0 and last == len(toks) and "%" not in label:
        return label
    if last <= start:
        return _BLANK
    spans = reading.places(label, toks)
    out: list[str] = []
    at = spans[start][0]
    for begin, end, replacement in _folds(spans, reading, at, last):
        out.append(label[at:begin])
        out.append(replacement)
        at = end
    out.append(label[at : spans[last - 1][1]])
    text = "".join(out)
    return _BLANK if text.isspace() else text


#: What draws nothing, for math-core.
_BLANK = "{}"


def _folds(spans: Sequence[tuple[int, int]], reading: Reading, at: int, last: int) -> Iterator[tuple[int, int, str]]:
    """The reader's edits before token `last`, by characters from `at` on."""
    for first, after, replacement in sorted(reading.folds):
        if first >= last:
            break
        if spans[first][0] < at:  # an edit inside another that was made already
            continue
        yield spans[first][0], spans[after - 1][1], replacement or " "  # `\in{}t` is not `\int`
        at = spans[after - 1][1]


@dataclass(frozen=True)
class Drawn:
    """The drawn part of a label: the spans of its tokens, and the edits for math-core, by characters."""

    spans: list[tuple[int, int]]
    edits: list[tuple[int, int, str]]

    @property
    def end(self) -> int:
        return self.spans[-1][1]


def drawn(label: str, toks: list[str], reading: Reading) -> Drawn | None:
    """The drawn part; None if there is more to consider: delimiters around the label, a comment, nothing drawn."""
    last = _drawn_end(toks, 0, len(toks), reading)
    if reading.wrapper is not None or last == 0 or "%" in label:
        return None
    spans = reading.places(label, toks)
    return Drawn(spans[:last], list(_folds(spans, reading, 0, last)))


def is_drawn_to_the_end(toks: list[str]) -> bool:
    """Whether there is no space at the end of these tokens that would be left out."""
    return _trailing(toks, 0, len(toks)) == len(toks)


def _drawn_end(toks: list[str], start: int, end: int, reading: Reading) -> int:
    r"""Where the space at the end of a label begins, also before a `\label` or `\nonumber`."""
    if reading.holds_end:
        return end
    last = _trailing(toks, start, end)
    if reading.folds and last > start and toks[last - 1] in _REF_ENDS:
        references = {after: first for first, after, _ in reading.folds if ACTIONS.get(toks[first]) == REF}
        while last in references:
            last = _trailing(toks, start, references[last])
    return last


def _trailing(toks: list[str], start: int, end: int) -> int:
    """Where the space at the end of tokens `start` to `end` begins, which draws nothing."""
    while end > start and (
        (ACTIONS.get(toks[end - 1]) in _TRAILING and not _takes_length(toks[end - 1]))
        or toks[end - 1] in ("\\\\", "\\")
    ):
        end -= 1
    return end


def _takes_length(token: str) -> bool:
    command = COMMANDS.get(token[1:])
    return command is not None and bool(command.args)


def mathml(text: str) -> str | None:
    """math-core's MathML of a normalised label in display style, or None if it can't convert it."""
    if "*" in text:  # math-core takes a star after a command as part of its name, but not one after a space
        text = _SPACED_STAR.sub(r"\\operatorname*", _GLUED_STAR.sub(r"\1 *", text))
    try:
        converted = _converter().convert_with_local_state(text, displaystyle=True)
    except LatexError:
        return None
    return converted


_GLUED_STAR = re.compile(r"(\\(?!(?:operatorname|hspace|vspace|tag)\*)[A-Za-z]+)\*")
_SPACED_STAR = re.compile(r"\\operatorname\s+\*")
_SPACE_ENDS = ("/></math>", "<mtext> </mtext></math>")
_NO_MATHML = '<math display="block"></math>'
_BLANK_MATHML = '<math display="block"><mrow></mrow></math>'
_TRAILING_SPACE = re.compile(r'(?:<mspace width="[^"]*"(?: style="[^"]*")?/>|<mtext> </mtext>)+</math>$')


def digest(converted: str) -> str:
    """The key of a MathML string: 24 hexadecimal digits."""
    if converted.endswith(_SPACE_ENDS):  # the search is slow, and few labels end so
        converted = _TRAILING_SPACE.sub("</math>", converted).replace(_NO_MATHML, _BLANK_MATHML)
    return hashlib.blake2b(converted.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def of(label: str, toks: list[str], reading: Reading) -> str | None:
    """The visual key of a label that was read, or None if LaTeX or math-core can't read it."""
    if reading.fatal or not toks or not is_within(toks):
        return None
    return direct(normalise(label, toks, reading))


def direct(text: str) -> str | None:
    """The key of a label that needs no edits, or None if math-core can't convert it."""
    converted = mathml(text)
    return None if converted is None else digest(converted)
