r"""The Unicode of symbols, scripts and accents: tables for `rules.latex.plain_text`. Looks at no label.

The way back, from a character to its command, is `rules.latex.unicode_math`.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from pylatexenc.latex2text import get_default_latex_context_db

from rules.latex.commands import COMMANDS

SUPERSCRIPTS = {
    **dict(zip("0123456789+-=()T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵀ", strict=True)),
    **dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)),
    "′": "′",
    "∘": "°",
}
SUBSCRIPTS = dict(zip("0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
#: Every character that is a script.
SCRIPTS = "".join(sorted({*SUPERSCRIPTS.values(), *SUBSCRIPTS.values()}))

ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


#: Commands for which pylatexenc's table has another character, a name, or none; `\n` and `\t` begin a line in M²E.
_SYMBOLS = _pairs(
    r"""
    cdot · cdotp · centerdot · bot ⊥ Re ℜ Im ℑ imath ı jmath ȷ triangle △ circle ○ prime ′ hbar ℏ
    land ∧ lor ∨ neg ¬ lnot ¬ iff ⟺ ne ≠ neq ≠ gets ← owns ∋ slash / colon : degree ° S § P ¶
    lbrack [ rbrack ] lbrace { rbrace } { { } } | ‖ Vert ‖ lVert ‖ rVert ‖ vert | lvert | rvert | mid |
    % % # # $ $ & & _ _ backslash \ dots … ldots … cdots ⋯ DIV ⟌
    """
) | {"n": "\n", "t": "\n"}

_COMBINING = r"""
bar 0304 hat 0302 tilde 0303 vec 20d7 dot 0307 ddot 0308 dddot 20db check 030c breve 0306 acute 0301 grave 0300
mathring 030a overline 0304 widehat 0302 widetilde 0303 overrightarrow 20d7 underline 0332
"""
#: What an accent adds after its letter.
ACCENTS = {name: chr(int(code, 16)) for name, code in _pairs(_COMBINING).items()}
#: Accents over more than a letter become words, `hat(ABC)`: these differ from the command's name.
ACCENT_WORDS = {"widehat": "hat", "widetilde": "tilde", "overrightarrow": "vec"}

_known_symbols = cache(get_default_latex_context_db)


@cache
def symbol(name: str) -> str | None:
    """The characters that a command without arguments draws, or None if it draws none or they aren't known."""
    found = _SYMBOLS.get(name)
    command = COMMANDS.get(name)
    if found is None and (command is None or not command.args):
        spec = _known_symbols().get_macro_spec(name)
        known = spec.simplify_repl if spec is not None else None
        found = known if isinstance(known, str) and known.strip() and len(known) <= 2 else None
    return found


@cache
def double_struck(letter: str) -> str:
    """ℝ for R; the letter itself if there is no such character."""
    case = "CAPITAL" if letter.isupper() else "SMALL"
    for start in ("", "MATHEMATICAL "):
        try:
            return unicodedata.lookup(f"{start}DOUBLE-STRUCK {case} {letter.upper()}")
        except KeyError:
            continue
    return letter


def circled(text: str) -> str:
    """① for 1, up to 20; others in brackets."""
    if text.isdecimal() and text.isascii() and 1 <= int(text) <= 20:
        return chr(ord("①") + int(text) - 1)
    return f"({text})"
