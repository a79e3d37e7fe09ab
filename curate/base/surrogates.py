"""Finds half of a surrogate pair in a text. JSON and arguments can hold one; UTF-8 can't."""

from __future__ import annotations

from curate.base.errors import UserError

#: What is wrong with such a text, for messages that name the place themselves.
HALF_A_PAIR = "holds half of a surrogate pair, which is not a character"


def half_a_pair(text: str) -> int | None:
    """The position of the first half of a surrogate pair in `text`, from 0; None if there is none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def check_characters(text: str, where: str) -> None:
    """Raises UserError, naming `where` and the position, if `text` holds half of a surrogate pair."""
    at = half_a_pair(text)
    if at is not None:
        raise UserError(f"{where} {HALF_A_PAIR} (position {at + 1})")
