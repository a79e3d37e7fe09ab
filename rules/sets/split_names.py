"""Recognises splits by the names that data sets give them, for readers, rules and export. Reads no files."""

from __future__ import annotations

import re

import polars as pl

#: The words for each split, in the order in which they are tried: `valid_test` is for validation. Only whole words
#: count, but any character that isn't a letter may be next to them: `train2017`, `set-dev`.
WORDS: dict[str, tuple[str, ...]] = {
    "validation": ("validation", "validate", "valid", "val", "development", "devel", "dev"),
    "test": ("testing", "test", "evaluation", "eval", "benchmark", "bench"),
    "train": ("training", "train"),
}
#: Names of published test sets without these words: UniMER-Test's four, OmniDocBench, CROHME's years.
_PUBLISHED = r"cpe|hwe|sce|spe|omnidocbench|crohme[\W_]?(?:20)?(?:1[1-469]|19|23)"
_BEFORE = "(?i)(?:^|[^a-z])"
_ANY = re.compile(rf"{_BEFORE}({'|'.join(word for words in WORDS.values() for word in words)})(?:[^a-z]|$)")
#: One letter may number a part of the split: `testA`.
_PATTERNS = {split: rf"{_BEFORE}(?:{'|'.join(words)})[a-z]?(?:[^a-z]|$)" for split, words in WORDS.items()}
#: In the order in which they are tried: words for a split come before the names of published sets.
_SAID = (*_PATTERNS.items(), ("test", rf"{_BEFORE}(?:{_PUBLISHED})(?:[^a-z0-9]|$)"))
_COMPILED = [(split, re.compile(pattern)) for split, pattern in _SAID]


def standard(name: str | None) -> str | None:
    """train, validation or test for the name that a data set gives a split; None if it is none of them."""
    if name is not None:
        for split, pattern in _COMPILED:
            if pattern.search(name):
                return split
    return None


def word(name: str) -> str | None:
    """The word for a split in the name of a file or folder, as written there; None if there is none."""
    found = _ANY.search(name)
    return found[1] if found else None


def standard_of(name: pl.Expr) -> pl.Expr:
    """`standard` for a column: String, null for None."""
    said = (pl.when(name.str.contains(pattern)).then(pl.lit(split)) for split, pattern in _SAID)
    return pl.coalesce(*said, pl.lit(None, pl.String))


def meaning(split: pl.Expr, source: pl.Expr) -> pl.Expr:
    """What samples are for: `standard_of` their split, or of the name of their source if the split doesn't say."""
    return pl.coalesce(standard_of(split), standard_of(source))
