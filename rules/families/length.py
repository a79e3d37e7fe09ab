"""LEN: labels that are unusually long or short, and tokens too rare to be learnt."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.options import count
from rules.registry import Findings, Options, rule, samples_rule
from rules.sets import set_difference
from rules.toolkit.label import Label
from rules.toolkit.sieves import has
from rules.toolkit.whole_sets import of_sets
from rules.toolkit.wording import listed

_TOKENS = pl.col("tokens")


#: The smallest limit for LEN001, whose sieve passes only longer labels.
_FEWEST = 60


@rule(
    "LEN001",
    "too-many-tokens",
    "info",
    _TOKENS > _FEWEST,
    options={"most": count(150, at_least=_FEWEST)},
    covers=["LEN1"],
)
def too_many_tokens(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label with more tokens than most trainers take: 150, or the option `most` (at least 60).

    Why: The target is cut off, so the model learns to stop early, or one sample takes the memory of ten.
    Fires: ``1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1``
    Quiet: ``x + 1``
    Fix: None: leave it out, or raise the limit of the trainer. The rule counts TeX tokens; a model's tokenizer makes
    more.
    See: im2markup preprocess_filter.py (150), TexTeller globals.py (1,024).
    """  # noqa: E501
    if len(label.tokens) > options["most"]:
        yield Finding(f"{len(label.tokens)} tokens, more than {options['most']}", 0, len(label.text))


@rule("LEN002", "no-structure", "info", (_TOKENS > 1) & ~has(r"[\\_^(){}]"), profiles=("printed",), covers=["LEN2"])
def no_structure(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label without a command, script, brace or parenthesis: `a = b + 1`.

    Why: In a set of typeset formulas, it is often a stray word or number. LaTeX-OCR's cleaning deletes all of them.
    Fires: ``a = b + 1``
    Quiet: ``x ^ { 2 }``
    Quiet: ``\alpha``
    Fix: None. The rule is off for handwriting, where plain arithmetic is common.
    See: LaTeX-OCR postprocess.py.
    """
    if len(label.tokens) > 1 and not _STRUCTURE.search(label.text):
        yield Finding("no command, script or parenthesis: this may not be a formula", 0, len(label.text))


_STRUCTURE = re.compile(r"[\\_^(){}]")


@rule("LEN004", "single-token", "info", pl.col("tokens") == 1, profiles=("printed",), covers=["LEN2"])
def single_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label of one token.

    Why: In a set of typeset formulas, the crop often failed, or the label was cut off after its first token.
    Fires: ``x`` -> ``x``
    Fires: ``\alpha`` -> ``\alpha``
    Quiet: ``x y``
    Fix: None. The rule is off for handwriting, where sets contain single symbols on purpose.
    See: 257 labels of HME100K's training set.
    """
    yield label.at(0, 1, "the label is a single token")


@samples_rule(
    "LEN003",
    "rare-tokens",
    "info",
    options={"least": count(20), "shown": count(12, at_least=1), "labels": count(500)},
    covers={"LEN3": "over a whole data set"},
)
def rare_tokens(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Tokens in fewer labels than a model needs to learn them: 20, or the option `least`.

    Why: They are never learnt, and many typing errors are among the rarest tokens.
    Fix: None: go through the list, the rarest first, and merge them, correct them or leave them out. Sets of fewer than
    `labels` labels are too small to be judged.
    See: MathNet remove_formulas_with_rare_tokens.py (20). 96 of the 244 tokens of HME100K's training set are rarer.
    """
    sizes = dict(samples.group_by("source", maintain_order=True).len().collect().iter_rows())
    counts = set_difference.token_counts(samples, "source")
    found: list[tuple[str, str]] = []
    for source in sizes:
        frame = counts.filter(pl.col("part") == source)
        rare = frame.filter(pl.col("labels") < options["least"]).sort("labels", "token")
        if rare.height and sizes[source] >= options["labels"]:
            named = listed(
                [f"`{token}` ({n})" for token, n in rare.select("token", "labels").iter_rows()], options["shown"]
            )
            found.append(
                (
                    source,
                    f"{rare.height} of {frame.height} tokens occur in fewer than {options['least']} labels: {named}",
                )
            )
    return of_sets(found)
