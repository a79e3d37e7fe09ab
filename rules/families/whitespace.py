"""WSP: white space, spacing commands and tokenisation. Control characters are in `escapes`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.latex import tex_lengths
from rules.latex.actions import ACTIONS, SPACE
from rules.options import OFF, share
from rules.registry import EVERY, Findings, Options, rule, samples_rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import LABEL, has, has_text


@rule(
    "WSP001",
    "stray-space",
    "info",
    has_text("  ") | LABEL.str.starts_with(" ") | LABEL.str.ends_with(" "),
    fix="safe",
    fix_kind="repair",
    options={EVERY: OFF},
    skips_canonical=True,
    covers=["WSP1"],
    tags=["label-form"],
)
def stray_space(label: Label, options: Options) -> Iterator[Finding]:
    r"""Spaces at the start or end of a label, or several in a row.

    Why: They draw nothing, but to string metrics, vocabularies and duplicate search it is a different label.
    Fires: ``x ^ { 2 }  + 1`` -> ``  `` => ``x ^ { 2 } + 1``
    Fires: `` x`` -> `` `` => ``x``
    Quiet: ``x ^ { 2 } + 1``
    Quiet: ``a \  b``
    Fix: Safe: spaces are dropped at the ends and reduced to one elsewhere. Only the first place in a label is reported;
    with `every = true`, every place.
    """
    matches = [
        match
        for match in re.finditer(r"^ +| +\Z| {2,}", label.text)
        if not match.start() or label.text[match.start() - 1] != "\\"  # else the first one belongs to a control space
    ]
    message = "needless space" + (f" in {len(matches)} places" if len(matches) > 1 else "")
    for match in matches if options[EVERY] else matches[:1]:
        inner = match.start() > 0 and match.end() < len(label.text)
        yield Finding(message, *match.span(), " " if inner else "")


@samples_rule("WSP002", "mixed-tokenisation", "info", options={"share": share(0.02)}, covers=["WSP2"])
def mixed_tokenisation(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set has some labels with spaces between all tokens (`x ^ { 2 }`) and others without (`x^2`).

    Why: One formula has two spellings, the model needs two vocabularies, and exact match counts right answers as wrong.
    Fix: None for a single label. The canonical form spells all of them alike.
    See: 38.6 % of CROHME 2023 test labels have unbraced scripts; in other sets it is 0 to 0.02 %.
    """
    # The style shows in whether a script or brace touches its neighbour. Labels with neither don't count.
    label = pl.col("label")
    speaks = label.str.contains(r"[\^_{}]")
    tight = speaks & label.str.contains(r"[\^_][^ ]|[^ \\][\^_{}]")
    counts = (
        samples.group_by("source")
        .agg(tight.sum().alias("tight"), (speaks & ~tight).sum().alias("spaced"))
        .sort("source")
    )
    both = pl.col("tight") + pl.col("spaced")
    return counts.filter(pl.min_horizontal("tight", "spaced") > options["share"] * both).select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.format(
            "{} labels are written with spaces between tokens and {} without", pl.col("spaced"), pl.col("tight")
        ).alias("message"),
    )


_SPACE_WORDS = sorted(token[1:] for token, action in ACTIONS.items() if action == SPACE and token[1:].isalpha())


@rule(
    "WSP003",
    "trailing-space-command",
    "info",
    has(rf"(?:\\[,;:!>\\]|\\\s?|~|\\(?:{'|'.join(_SPACE_WORDS)})|\\[hv]space\s*\*?\s*\{{[^{{}}]*\}})\s*$"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["WSP3"],
)
def trailing_space_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A spacing command or a line break at the end of a label.

    Why: The picture doesn't show it, so a model can only guess.
    Fires: ``x = 1 \quad`` -> ``\quad`` => ``x = 1``
    Fires: ``x = 1 \,`` -> ``\,`` => ``x = 1``
    Fires: ``x = 1 \\`` -> ``\\`` => ``x = 1``
    Fires: ``x = 1 \hspace{1cm}`` -> ``\hspace{1cm}`` => ``x = 1``
    Fires: ``x = 1 \hspace{1cm} \, \hspace{2cm}`` -> ``\hspace{1cm} \, \hspace{2cm}`` => ``x = 1``
    Quiet: ``x \quad y``
    Quiet: ``x {\hspace{1cm}}``
    Quiet: ``a \over b \quad``
    Fix: Safe: it is dropped.
    See: opendatalab/UniMERNet cdm latex_processor.py remove_trailing_latex.
    """
    start, end = _space_at_end(label), len(label.tokens)
    if 0 < start < end and not label.reading.holds_end:
        yield label.at(start, end, f"{label.shown(start, end)} at the end of the label draws nothing", "")


def _space_at_end(label: Label) -> int:
    """The first token of the spacing commands and line breaks at the end of a label."""
    tokens = label.tokens
    openings = {closing: opening for opening, closing in label.partners.items()}
    start = len(tokens)
    while start:
        if ACTIONS.get(tokens[start - 1]) == SPACE or tokens[start - 1] == "\\\\":
            start -= 1
            continue
        command = openings.get(start - 1, 0) - 1
        if command > 0 and tokens[command] == "*":
            command -= 1
        if command < 0 or tokens[command] not in ("\\hspace", "\\vspace"):
            break
        start = command
    return start


_SPACES = (
    r"\,",
    r"\!",
    r"\;",
    r"\:",
    r"\>",
    "~",
    r"\quad",
    r"\qquad",
    "\\ ",
    r"\hspace",
    r"\hskip",
    r"\thinspace",
    r"\enspace",
)


_BRACED_SIZE = re.compile(r"\s*\*?\s*\{[^{}]*\}")


def _size_end(token: str, text: str, at: int) -> int | None:
    """Where the length after a spacing command, at `at`, ends; None if there is none that can be read."""
    if token == "\\hspace":
        found = _BRACED_SIZE.match(text, at)
        return found.end() if found else None
    return tex_lengths.match(text, at) if token == "\\hskip" else at


@rule(
    "WSP004",
    "spacing-command",
    "info",
    has(r"\\[,!;:> ]|~|\\q?quad|\\h(?:space|skip)|\\(?:thin|en)space"),
    fix="unsafe",
    fix_kind="style",
    options={EVERY: OFF},
    weight=0.0,
    covers=["WSP4"],
)
def spacing_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""Explicit spacing inside a label: `\,`, `\;`, `~`, `\quad`, `\hspace{…}`.

    Why: It is the annotator's taste. Handwriting doesn't show it, and print hardly does. Some data sets delete all of
    it.
    Fires: ``\int f \, d x`` -> ``\,`` => ``\int f d x``
    Fires: ``a \quad b \; c`` -> ``\quad`` => ``a b c``
    Fires: ``a \hspace{1cm} b`` -> ``\hspace{1cm}`` => ``a b``
    Fires: ``a \hskip 1em b`` -> ``\hskip 1em`` => ``a b``
    Quiet: ``\int f d x``
    Fix: Unsafe: it is dropped, which is visible in print. Only the first place in a label is reported; with `every =
    true`, every place.
    """
    places = [index for index in label.find(*_SPACES) if index + 1 < len(label.tokens)]
    times = f", one of {len(places)} in this label" if len(places) > 1 else ""
    for place in places if options[EVERY] else places[:1]:
        start, end = label.spans[place]
        stop = _size_end(label.tokens[place], label.text, end)
        # A length that can't be read would be left over and drawn.
        drop = None if stop is None else ""
        yield Finding(f"explicit space {label.tokens[place]}{times}", start, stop or end, drop)


_SPLIT_PROSE = re.compile(r"\\(?:mathrm|text|mbox|textrm) ?\{ (?:~|[A-Za-z]) (?:(?:~|[A-Za-z]) ){3,}\}")


@rule(
    "WSP005",
    "letter-spaced-text",
    "info",
    has_text("{ ") & has(r"\\(?:mathrm|text|mbox|textrm) ?\{ (?:~|[A-Za-z]) "),
    covers=["WSP5"],
)
def letter_spaced_text(label: Label, options: Options) -> Iterator[Finding]:
    r"""Prose split into letters, with its word spaces lost or turned into `~`: `\mathrm { i f ~ x }`.

    Why: A tokeniser treated text as mathematics. In text mode the spaces between letters show; in `\mathrm` words run
    together.
    Fires: ``\mathrm { i f ~ x }`` -> ``\mathrm { i f ~ x }``
    Fires: ``x \text { w h e n } y`` -> ``\text { w h e n }``
    Quiet: ``\text{if } x``
    Quiet: ``\mathrm { d } x``
    Fix: None: the ends of the words are lost. Read the label from the raw source again.
    """
    for match in _SPLIT_PROSE.finditer(label.text):
        probably = "probably " if match[0].startswith("\\mathrm") else ""
        yield Finding(f"{probably}text split into letters", *match.span())
