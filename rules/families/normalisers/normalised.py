"""NRM: traces that normalisers leave in labels which still compile. Labels they broke are in `damage`.

Four rows of the catalogue of defects have no rule for a label. NRM5 (`\\\\` rewritten as `\\,`) and NRM6 (characters
that are not ASCII dropped) leave a label that nothing distinguishes from one written so. NRM7's lost braces are errors
that SYN001 and SYN017 tell, and NRM9's misplaced `\\hline` is SYN019's. NRM11 is a loader's doing, not a label's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
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
    r"""A group that holds only the letters of a name: `{ l o g } ( n )`, `{ H o m } ( A , B )`.

    Why: The braces are what was left of `\operatorname { l o g }`; upright letters in the picture became a product.
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
                opening, closing + 1, f"{joined} looks like the name of an operator that was lost", replacement
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
    r"""A text or font command with nothing in it: `\mathrm { }`, `\text { ~ }`.

    Why: What stood there was dropped, often because it wasn't ASCII; or a macro left its shell.
    Fires: ``L \mathrm { } _ { a }`` -> ``\mathrm { }`` => ``L _ { a }``
    Fires: ``x \text { } y`` -> ``\text { }`` => ``x y``
    Quiet: ``\text { if }``
    Quiet: ``\mathrm { d }``
    Fix: Unsafe: it is dropped, where the picture shows nothing either.
    See: im2markup preprocess_formulas.py is_ascii.
    """
    for place in places(label, _EMPTIED):
        yield label.at(place.start, place.end, f"{label.tokens[place.start]} holds nothing", "")


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

    Why: A normaliser wrote what KaTeX puts there for the gap before a relation; to a model it is two tokens of nothing.
    Fires: ``\begin{aligned} a & { { } = b } \end{aligned}`` => ``\begin{aligned} a & = b \end{aligned}``
    Quiet: ``{ } _ { a } C``
    Quiet: ``{ { } ^ { 2 } H }``
    Quiet: ``x = \frac { 1 } { { } }``
    Quiet: ``\begin{matrix} { } & { a } \end{matrix}``
    Fires: ``a { { } - b }`` -> ``{ }`` => ``a { - b }``
    Fix: Unsafe: the empty group goes, and the group that it begins where that is all of a cell; a gap may change.
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


#: A label that writes these together isn't tokenised at all.
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
    r"""Tokens written together in a label that sets every other one apart: `x _ { -- }`, `a ^ { 12 }`.

    Why: A tokeniser passed them over, so `--` or `12` becomes a word of the vocabulary that is seen a few times.
    Fires: ``x ^ { -- } y ^ { - }`` -> ``--`` => ``x ^ { - - } y ^ { - }``
    Fires: ``a ^ { 12 }`` -> ``12`` => ``a ^ { 1 2 }``
    Quiet: ``x^{--}``
    Quiet: ``a ^ { 1 2 }``
    Quiet: ``x ^ { 2 } \text { and }``
    Quiet: ``\begin{array} { c c } a & b \end{array}``
    Fix: Safe: spaces between.
    See: 29 labels of the normalised im2latex validation set have `--`.
    """
    if "{ " not in label.text or _TIGHT.search(label.text):
        return
    starts = {start: index for index, (start, _) in enumerate(label.spans)}
    words = label.prose
    for match in _SPACED_TOKENS.finditer(label.text):
        index = starts.get(match.start())
        if index is None or index in words or label.tokens[max(0, index - 1)] in (r"\begin", r"\end"):
            continue
        if match[0].strip("'") == "" or match[0] in ("[object", "Object]"):
            continue  # a double prime, which a space would break; and NRM001 has the other
        yield Finding(f"{match[0]!r} is {len(match[0])} tokens", *match.span(), " ".join(match[0]))


@samples_rule(
    "NRM010",
    "short-labels-missing",
    "info",
    options={"tokens": count(5, at_least=1), "least": count(500)},
    covers=["NRM10"],
)
def short_labels_missing(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set of many labels without a single short one.

    Why: A normaliser drops lines of five tokens or fewer; then line numbers shift, and images are paired with the
    label of the next. Short formulas are also what a model then never learns.
    Fix: None: `tokens` is what counts as short, `least` how many labels a set must have to be judged.
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
