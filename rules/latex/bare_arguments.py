"""Which tokens may be a script or an argument without braces. Found by trying pdfTeX and amsmath, not deduced."""

from __future__ import annotations

from rules.latex.actions import COMMAND, SWITCH
from rules.latex.commands import COMMANDS

# Found by trying `x_\name…` with pdfTeX and amsmath for every command in the table: the commands with arguments that
# may be a script without braces, and the symbols that may not, because they are macros that don't begin with a group.
_BARE_WITH_ARGUMENTS = """
frac mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak mathscr mathnormal Bbb bold frak ensuremath
text textbf textit textrm textsf texttt textup textmd textsl textsc textnormal emph
big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm
"""
_NEVER_BARE = """
ldots cdots dots dotsc dotsb dotsm dotsi dotso vdots ddots mathellipsis bmod allowbreak nobreak
And Join Longrightarrow longrightarrow bowtie cong models doteq notin colon dasharrow dashleftarrow dashrightarrow
int iint iiint iiiint oint sum prod coprod
bigcap bigcup bigodot bigoplus bigotimes bigsqcup biguplus bigvee bigwedge
lim max min sup inf limsup liminf det gcd Pr injlim projlim varinjlim varprojlim varlimsup varliminf
arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh
iff implies impliedby
AA AE IJ L O OE SS ae i ij j l o oe ss nonumber notag nonscript operatorfont vline dotfill hrulefill centering
"""
_BARE_COMMANDS = frozenset(_BARE_WITH_ARGUMENTS.split())
_BRACED_SYMBOLS = frozenset(_NEVER_BARE.split())


def bare_script_allowed(token: str) -> bool:
    """Whether this token may follow `_` or `^` without braces."""
    if token[0] != "\\":
        return True
    command = COMMANDS.get(token[1:])
    if command is None:
        return True
    if command.args:
        return command.name in _BARE_COMMANDS
    return command.name not in _BRACED_SYMBOLS and command.kind not in ("func", "space") and command.name[:4] != "text"


def brings_limits(token: str) -> bool:
    r"""Whether amsmath's macro for this operator ends in a limits command, as `\mathop\int` and `\sum^\int` need."""
    return "int" in token or token.startswith("\\big") or token in ("\\sum", "\\prod", "\\coprod")


#: Tokens for which TeX itself reads an argument, by the same rule as a script. The others are macros, which take any
#: token.
TAKES_NUCLEUS = frozenset(
    [
        "\\sqrt",
        "\\mathop",
        "\\mathbin",
        "\\mathrel",
        "\\mathord",
        "\\mathopen",
        "\\mathclose",
        "\\mathpunct",
        "\\mathinner",
    ]
)
_MODULO = frozenset({"\\pmod", "\\pod", "\\mod"})
_ALPHABETS = frozenset(f"\\math{name}" for name in ["rm", "bf", "it", "sf", "tt", "cal", "bb", "frak", "scr", "normal"])
_IN_ALPHABETS = frozenset(
    f"\\{name}" for name in ["bm", "boldsymbol", "mbox", "overline", "underline", "stackrel", "overset", "underset"]
)
_STRETCHED_ARROWS = frozenset(
    f"\\{where}{arrow}arrow" for where in ("over", "under") for arrow in ("right", "left", "leftright")
)
_ACCENT_NAMES = "hat check breve acute grave tilde bar vec dot ddot dddot ddddot mathring"
_ACCENTS = frozenset(f"\\{name}" for name in _ACCENT_NAMES.split())


def may_stand_bare(token: str, argument: str, action: int, *, after_option: bool) -> bool:
    """Whether `argument` may be an argument of `token` without braces. Found by trying pdfTeX and amsmath."""
    if token == "\\mathop" and brings_limits(argument):
        return True
    if token in TAKES_NUCLEUS and not after_option:  # \sqrt[3] is a macro, but \sqrt isn't
        return argument != "~" and action != SWITCH and bare_script_allowed(argument)
    if action != COMMAND or token in _MODULO:
        return True
    if token in _ACCENTS:
        return argument in _ACCENTS
    if token in _ALPHABETS:
        return argument in _ALPHABETS or argument in _IN_ALPHABETS
    return token in _STRETCHED_ARROWS and COMMANDS[argument[1:]].kind not in ("fraction", "radical", "stack")
