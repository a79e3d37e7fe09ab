"""Tells a label's language by the script of its letters. Latin and Greek letters are mathematics and say nothing."""

from __future__ import annotations

import polars as pl

#: Language code to a regular expression for letters that only it has; the first match counts, so Japanese, which also
#: uses Chinese characters, comes before Chinese.
_SCRIPTS: dict[str, str] = {
    "ja": r"[\p{Hiragana}\p{Katakana}]",
    "ko": r"\p{Hangul}",
    "zh": r"\p{Han}",
    "ru": r"\p{Cyrillic}",
    "ar": r"\p{Arabic}",
    "he": r"\p{Hebrew}",
    "hi": r"\p{Devanagari}",
    "th": r"\p{Thai}",
}
#: Letters of any other script; Common and Inherited hold mathematical alphabets and accents.
_OTHER = r"[\p{L}--[\p{Latin}\p{Greek}\p{Common}\p{Inherited}]]"

LANGUAGES = (*_SCRIPTS, "other")


def language(label: pl.Expr) -> pl.Expr:
    """The language code of labels; null if their letters are Latin and Greek, or if they have none.

    Cyrillic stands for Russian, Arabic letters for Arabic, and so on: only the script is visible.
    """
    found = pl.when(label.str.contains(_OTHER)).then(pl.lit("other")).otherwise(pl.lit(None, pl.String))
    for code, pattern in reversed(_SCRIPTS.items()):
        found = pl.when(label.str.contains(pattern)).then(pl.lit(code)).otherwise(found)
    return pl.when(label.str.contains(r"[^\x00-\x7f]")).then(found)
