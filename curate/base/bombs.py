"""When a compressed file of labels is a bomb. Archives, whose images hardly shrink, have their own limits."""

from __future__ import annotations

#: A file that unpacks to more than this many bytes and this many times its own size is a bomb. Label files reach a
#: ratio of 10; a single line repeated over and over, some 1,000.
BOMB_BYTES, BOMB_RATIO = 64 << 20, 200


def is_bomb(unpacked: int, size: int) -> bool:
    """Whether a file of `size` bytes that unpacks to so many, or to more, is refused."""
    return unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * size
