"""Does this label belong to this picture? Columns about pairs, from samples and the measures of their images.

Judging them is for the rules; see docs/pairs.md for what the numbers mean and how good they are.
"""

from __future__ import annotations

from curate.pairs.score import PAIR_COLUMNS, with_pairs

__all__ = ["PAIR_COLUMNS", "with_pairs"]
