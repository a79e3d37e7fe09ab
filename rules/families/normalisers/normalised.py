"""NRM: traces that normalisers leave in labels that still compile. Labels that they broke are in `damage`.

Five rows of the catalogue of defects have no rule here. NRM5 (`\\\\` rewritten as `\\,`) and NRM6 (characters outside
ASCII dropped) leave a label that looks as if it had been written that way. SYN001 and SYN017 report the lost braces of
NRM7, and SYN019 the misplaced `\\hline` of NRM9. NRM11 happens in a loader, not in a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.latex import tex_lengths
from rules.latex.synonyms import FUNCTIONS, longest_first
from rules.options import count
from rules.registry import Findings, Options, rule, samples_rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_text
from rules.toolkit.whole_sets import has_columns

_NAMES = "|".join(r"\s*".join(name) for name in longest_first(FUNCTIONS))


@rule(
    "NRM004",
    "lost-operatorname",
    "info",
    has(rf"\{{\s*(?:{_NAMES}|[A-Z](?:\s*[a-z]){{2,}})\s*\}}"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["NRM4"],
)
def lost_operatorname(label: Label, options: Options) -> Iterator[Finding]:
    r"""A group that contains only the letters of a name: `{ l o g } ( n )`, `{ H o m } ( A , B )`.

    Why: The braces are left over from `\operatorname { l o g }`. Upright letters in the picture became a product in the
    label.
    Fires: ``O ( { l o g } n )`` -> ``{ l o g }`` => ``O ( \log n )``
    Fires: ``{ H o m } _ { S } ( A )`` -> ``{ H o m }``
    Quiet: ``\operatorname { l o g } n``
    Quiet: ``x _ { m a x }``
    Quiet: ``\frac { a b } { c d }``
    Quiet: ``\overline { A B C }``
    Quiet: ``\mathrm { { V o l } }``
    Quiet: ``{ a b } ^ 2``
    Quiet: ``\begin { matrix } { a b c } & d \end { matrix }``
    Fix: Unsafe: `\log`, or `\operatorname` before the group.
    See: MathNet deletes `\operatorname`; 112 labels of MathWriting's validation set.
    """
    tokens = label.tokens
    for opening, closing in label.partners.items():
        name = tokens[opening + 1 : closing]
        if len(name) < 2 or not all(len(token) == 1 and token.isalpha() and token.isascii() for token in name):
            continue
        joined = "".join(name)
        if joined not in FUNCTIONS and (len(name) < 3 or not name[0].isupper() or not joined[1:].islower()):
            continue
        before = tokens[opening - 1] if opening else ""
        if before in ("_", "^", "}", "]", "*") or (before[:1] == "\\" and before not in _NOT_TAKING):
            continue
        if before == "{" and opening > 1 and (tokens[opening - 2] in ("_", "^") or tokens[opening - 2][:1] == "\\"):
            holder = tokens[opening - 2]
            if joined not in FUNCTIONS or holder.startswith(r"\math") or holder in _WORDS:
                continue
        if opening not in label.prose:
            replacement = f"\\{joined}" if joined in FUNCTIONS else None
            yield label.at(
                opening, closing + 1, f"{joined} looks like an operator that lost its \\operatorname", replacement
            )


_WORDS = frozenset([r"\operatorname", r"\text", r"\textrm", r"\mbox", r"\hbox", r"\rm"])
_NOT_TAKING = frozenset(
    [
        r"\cdot",
        r"\times",
        r"\quad",
        r"\,",
        r"\;",
        r"\:",
        r"\!",
        "\\ ",
        r"\\",
        r"\leq",
        r"\geq",
        r"\equiv",
        r"\approx",
        r"\sim",
        r"\in",
        r"\to",
        r"\rightarrow",
        r"\le",
        r"\ge",
        r"\pm",
        r"\{",
        r"\langle",
        r"\circ",
        r"\ne",
        r"\neq",
        r"\simeq",
    ]
)


@rule(
    "NRM006",
    "emptied-text",
    "info",
    has(r"\\(?:text|textrm|mbox|hbox|mathrm|operatorname|textcircled|textbf)\s*\{[\s~]*\}"),
    fix="unsafe",
    fix_kind="repair",
    covers={"SYN12": "for empty text", "NRM6": r"where an empty `\text{}` is left"},
)
def emptied_text(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty text or font command: `\mathrm { }`, `\text { ~ }`.

    Why: Its content was dropped, often because it wasn't ASCII, or a macro was expanded to nothing.
    Fires: ``L \mathrm { } _ { a }`` -> ``\mathrm { }`` => ``L _ { a }``
    Fires: ``x \text { } y`` -> ``\text { }`` => ``x y``
    Quiet: ``\text { if }``
    Quiet: ``\mathrm { d }``
    Fix: Unsafe: it is dropped, which is right if the picture shows nothing there.
    See: im2markup preprocess_formulas.py is_ascii.
    """
    for place in places(label, _EMPTIED):
        what = "holds only a space" if "~" in label.tokens[place.start : place.end] else "is empty"
        yield label.at(place.start, place.end, f"{label.tokens[place.start]} {what}", "")


_EMPTIED = re.compile(r"(?<!\S)\\(?:text|textrm|mbox|hbox|mathrm|operatorname|textcircled|textbf) \{(?: ~)* \}(?!\S)")


@rule(
    "NRM008",
    "spurious-empty-group",
    "info",
    has(r"\{\s*\{\s*\}\s*(?:[-=+<>]|\\[lg]eq)"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers={"SYN12": "at a cell's start", "NRM8": ""},
)
def spurious_empty_group(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty group at the start of a cell or group: `{ a } & { { } = b }`.

    Why: A normaliser wrote out the empty group that KaTeX inserts to get the gap before a relation. For a model it is
    two tokens that draw nothing.
    Fires: ``\begin{aligned} a & { { } = b } \end{aligned}`` => ``\begin{aligned} a & = b \end{aligned}``
    Quiet: ``{ } _ { a } C``
    Quiet: ``{ { } ^ { 2 } H }``
    Quiet: ``x = \frac { 1 } { { } }``
    Quiet: ``\begin{matrix} { } & { a } \end{matrix}``
    Fires: ``a { { } - b }`` -> ``{ }`` => ``a { - b }``
    Fix: Unsafe: the empty group is dropped, and so are the braces around it if they enclose a whole cell. A gap may
    change.
    """
    tokens = label.tokens
    for index in range(1, len(tokens) - 2):
        if (
            tokens[index : index + 2] == ["{", "}"]
            and tokens[index - 1] == "{"
            and tokens[index + 2] in ("=", "+", "-", "<", ">", r"\leq", r"\geq")
        ):
            message = "an empty group that draws nothing"
            closing = label.partners.get(index - 1)
            if closing is not None and tokens[index - 2 : index - 1] == ["&"] and _ends_cell(tokens, closing + 1):
                yield label.at(index - 1, closing + 1, message, label.shown(index + 2, closing, len(label.text)))
            else:
                yield label.at(index, index + 2, message, "")


def _ends_cell(tokens: list[str], index: int) -> bool:
    return tokens[index : index + 1] in (["&"], ["\\\\"], ["\\end"])


#: A label that joins these isn't tokenised at all.
_TIGHT = re.compile(r"[\^_]\S|\{\S|\S\}")
_SPACED_TOKENS = re.compile(r"(?<!\S)(?!\\)[^\s\\{}]{2,}(?!\S)")


@rule(
    "NRM012",
    "glued-tokens",
    "info",
    has_text("{ ") & has(r"(?:^|\s)[^\s\\{}]{2,}(?:\s|$)"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    covers={"WSP2": "for single tokens", "NRM-tokens": ""},
)
def glued_tokens(label: Label, options: Options) -> Iterator[Finding]:
    r"""Tokens joined in a label that is otherwise tokenised: `x _ { -- }`, `a ^ { 12 }`.

    Why: A tokeniser skipped them, so `--` or `12` becomes a rare token of the vocabulary.
    Fires: ``x ^ { -- } y ^ { - }`` -> ``--`` => ``x ^ { - - } y ^ { - }``
    Fires: ``a ^ { 12 }`` -> ``12`` => ``a ^ { 1 2 }``
    Quiet: ``x^{--}``
    Quiet: ``a ^ { 1 2 }``
    Fires: ``$12 ^ { a }$`` -> ``12`` => ``$1 2 ^ { a }$``
    Quiet: ``$q = a ^ { 2 }$``
    Quiet: ``a \hskip 12pt { b }``
    Quiet: ``x ^ { 2 } \text { and }``
    Quiet: ``\begin{array} { c c } a & b \end{array}``
    Fix: Safe: spaces between the tokens.
    See: 29 labels of the normalised im2latex validation set have `--`.
    """
    if "{ " not in label.text or _TIGHT.search(label.text):
        return
    starts = {start: index for index, (start, _) in enumerate(label.spans)}
    words = label.prose
    outer = label.reading.wrapper  # DLM001 reports delimiters: they are no tokens of the formula
    first, last = (0, len(label.tokens)) if outer is None else (outer.start, outer.end)
    inside = (label.spans[first][0], label.spans[last - 1][1]) if first < last else (0, 0)
    for match in _SPACED_TOKENS.finditer(label.text):
        index = starts.get(match.start())
        if index is None or index in words or label.tokens[max(0, index - 1)] in (r"\begin", r"\end"):
            continue
        if tex_lengths.match(label.text, match.start() + match[0].startswith("[")) == match.end() - match[0].endswith(
            "]"
        ):
            continue  # the length of a `\hskip`, or of a `\\ [2pt]`
        if match[0].strip("'") == "" or match[0] in ("[object", "Object]"):
            continue  # a space would break a double prime, and NRM001 reports the other
        start, end = max(match.start(), inside[0]), min(match.end(), inside[1])
        glued = label.text[start:end]
        if len(glued) > 1:
            yield Finding(f"{glued!r} should be {len(glued)} tokens", start, end, " ".join(glued))


@samples_rule(
    "NRM010",
    "short-labels-missing",
    "info",
    options={"tokens": count(5, at_least=1), "least": count(500)},
    covers=["NRM10"],
)
def short_labels_missing(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A large data set without a single short label.

    Why: A normaliser dropped lines of five tokens or fewer. Line numbers may have shifted, so that images are paired
    with the next label, and the model never learns short formulas.
    Fix: None. A label of `tokens` tokens or fewer counts as short, and sets of `least` labels or more are judged.
    See: LaTeX-OCR preprocess_formulas.py: `if len(tokens_out) > 5`.
    """
    short = pl.col("n_tokens") <= options["tokens"] if has_columns(samples, "n_tokens") else pl.lit(True)
    counts = samples.group_by("source").agg(pl.len().alias("rows"), short.sum().alias("short")).sort("source")
    return counts.filter((pl.col("rows") >= options["least"]) & (pl.col("short") == 0)).select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.format("none of {} labels has {} tokens or fewer", pl.col("rows"), pl.lit(options["tokens"])).alias(
            "message"
        ),
    )
