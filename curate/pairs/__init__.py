"""Does this label belong to this picture? Columns about pairs, from samples and the measures of their images.

The rules judge them. docs/pairs.md says what the numbers mean and how good they are.
"""

from __future__ import annotations

from curate.pairs.score import PAIR_COLUMNS, with_pairs

__all__ = ["PAIR_COLUMNS", "with_pairs"]
