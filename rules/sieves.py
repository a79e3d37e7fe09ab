"""Sieves that several rules share: cheap polars expressions that may pass too much and never miss."""

from __future__ import annotations

import re

import polars as pl

LABEL = pl.col("label")


def has(pattern: str) -> pl.Expr:
    """The label matches a regular expression (Rust's: no look-around)."""
    return LABEL.str.contains(pattern)


def has_text(text: str) -> pl.Expr:
    """The label holds this text."""
    return LABEL.str.contains(text, literal=True)


def has_command(*names: str) -> pl.Expr:
    """The label holds one of these control words; a longer word that starts so does not count."""
    return has(rf"\\(?:{'|'.join(re.escape(name) for name in names)})(?:[^A-Za-z]|$)")


def has_problem(*kinds: str) -> pl.Expr:
    """The reader met a problem of one of these kinds."""
    return pl.any_horizontal([pl.col("problems").str.contains(f" {kind} ", literal=True) for kind in kinds])
