"""Whether a label was cut off. No rules."""

from __future__ import annotations

from collections.abc import Sequence


def is_cut_at_percent(tokens: Sequence[str]) -> bool:
    r"""Whether tokens end with a number and a backslash, because a normaliser took the `%` of `\%` for a comment.

    In a label with control spaces the backslash is more likely the last of them, whose space was stripped.
    """
    return tokens[-1:] == ["\\"] and tokens[-2:-1] != [] and tokens[-2].isdecimal() and "\\ " not in tokens
