"""Says in plain words why mathra refuses a label. Judges nothing: a refusal isn't an error of LaTeX."""

from __future__ import annotations

import re
from itertools import chain, zip_longest

#: mathra's messages, and ours; `{}` stands for what a message names. Other messages are passed on unchanged.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"unsupported command: (.+)", "the command {} is unknown here"),
        (r"unsupported environment: (.+)", "the environment {} is unknown here"),
        (r"unsupported environment: ", r"\begin has no name"),
        (r"unsupported array column: (.+)", "the column type {} is unknown here"),
        (r"missing argument", "a command has no argument"),
        (r"'\{' without a matching '\}'", "a brace { is never closed"),
        (r"'\}' without a matching '\{'", "a brace } closes nothing"),
        (r"double superscript.*", "a symbol has two superscripts"),
        (r"double subscript.*", "a symbol has two subscripts"),
        (r"(\\begin\{.*\}) closed with (\\end\{.*\})", "{} is closed by {}"),
        (r"(\\begin\{.*\}) without \\end\{.*\}", "{} is never closed"),
        (r"(\\end\{.*\}) without a matching \\begin", "{} closes nothing"),
        (r"\\left without \\right", r"\left has no \right"),
        (r"\\right without a matching \\left", r"\right has no \left"),
        (r"'#' outside a macro definition", "# stands outside a macro definition"),
        (r"unpaired '\$' inside \\text", r"a $ in \text is never closed"),
        (r"unrecognized measures?: (.+)", "{} is not a length"),
        (r"unrecognized measures?: ", "a length is missing"),
        (r"invalid color: ", "a colour has no name"),
        (r"invalid color: (.+)", "the colour {} is unknown"),
    )
)


def in_words(message: str) -> str:
    """mathra's message in our words, with the commands and names in it; the message itself if it isn't known."""
    for pattern, words in _WORDS:
        if found := pattern.fullmatch(message):
            return "".join(chain.from_iterable(zip_longest(words.split("{}"), found.groups(), fillvalue="")))
    return message
