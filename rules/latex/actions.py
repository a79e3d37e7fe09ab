"""What the reader does at each token, as a table. The facts come from `rules.latex.commands`."""

from __future__ import annotations

from rules.latex.commands import COMMANDS

# Actions are plain integers, not an Enum: the reader compares one for every token of every label, and looking up a
# member of an Enum costs more than the rest of a step.
ORD = 0  # a symbol that is itself; so is every character that is not in the table
RELATION = 1  # the same, but the space around it depends on its neighbours, so braces around it matter
OPEN = 2
CLOSE = 3
SUB = 4
SUP = 5
PRIME = 6
SPACE = 7  # glue: a script after it has no base
NOTHING = 8  # leaves nothing in the formula
OPERATOR = 9  # takes \limits
LIMITS = 10
COMMAND = 11  # takes arguments
LEFT = 12
RIGHT = 13
MIDDLE = 14
BEGIN = 15
END = 16
AMPERSAND = 17
ROW = 18
INFIX = 19
SWITCH = 20  # acts on the rest of its group
DOLLAR = 21  # begins or ends math, which is not allowed inside it
RULE = 22  # \hline: only at the start of a row
DEFINITION = 23
OLD_FORM = 24
HASH = 25
BACKSLASH = 26
REF = 27
LAYOUT = 29  # M²E's \\n, \\t and \\DIV: not LaTeX, but with a meaning
UNKNOWN = 28  # never in the table: an unknown control sequence

_SPECIAL: dict[str, int] = {
    "{": OPEN,
    "}": CLOSE,
    "_": SUB,
    "^": SUP,
    "\\sb": SUB,
    "\\sp": SUP,
    "'": PRIME,
    "~": SPACE,
    "&": AMPERSAND,
    **dict.fromkeys(("$", "\\(", "\\)", "\\[", "\\]"), DOLLAR),
    "#": HASH,
    "\\": BACKSLASH,
    "\\\\": ROW,
    "\\cr": ROW,
    "\\crcr": ROW,
    "\\newline": ROW,
    "\\tabularnewline": ROW,
    "\\limits": LIMITS,
    "\\nolimits": LIMITS,
    "\\displaylimits": LIMITS,
    "\\left": LEFT,
    "\\right": RIGHT,
    "\\middle": MIDDLE,
    "\\begin": BEGIN,
    "\\end": END,
    "\\hline": RULE,
    "\\cline": RULE,
    "\\hdashline": RULE,
    "\\toprule": RULE,
    "\\midrule": RULE,
    "\\bottomrule": RULE,
    "\\cmidrule": RULE,
    "\\matrix": OLD_FORM,
    "\\pmatrix": OLD_FORM,
    "\\cases": OLD_FORM,
    "\\n": LAYOUT,
    "\\t": LAYOUT,
    "\\DIV": LAYOUT,
    "\\label": REF,
    "\\tag": REF,
    "\\nonumber": REF,
    "\\notag": REF,
    "\\buildrel": COMMAND,
    "\\root": COMMAND,
    **dict.fromkeys(("\\space", "\\empty"), NOTHING),
    **dict.fromkeys(("\\mathstrut", "\\rq", "\\slash"), RELATION),
    "\\\r": SPACE,
    "\\\n": SPACE,
    "\\\t": SPACE,
    **dict.fromkeys(
        ("\\def", "\\edef", "\\gdef", "\\let", "\\newcommand", "\\renewcommand", "\\providecommand"), DEFINITION
    ),
    **dict.fromkeys(("\\DeclareMathOperator", "\\newenvironment", "\\renewenvironment"), DEFINITION),
    **dict.fromkeys(("\\protect", "\\relax", "\\allowbreak", "\\noindent", "\\displaybreak", "\\/"), NOTHING),
    **dict.fromkeys(("=", "<", ">", "+", "-", "*", ":", ",", ";", "(", ")", "[", "]", "/", "|"), RELATION),
}

_BY_KIND: dict[str, int] = {
    "bin": RELATION,
    "rel": RELATION,
    "open": RELATION,
    "close": RELATION,
    "punct": RELATION,
    "inner": RELATION,
    "space": SPACE,
    "infix": INFIX,
    "fontswitch": SWITCH,
    "style": SWITCH,
    "sizeswitch": SWITCH,
}


def _actions() -> dict[str, int]:
    table: dict[str, int] = {}
    for command in COMMANDS.values():
        action = _BY_KIND.get(command.kind)
        if action in (None, RELATION) and command.args:
            action = COMMAND
        elif action is None and (command.limits or command.kind in ("op", "func")):
            action = OPERATOR
        table[f"\\{command.name}"] = ORD if action is None else action
    return table | _SPECIAL


#: Every known token. Any other character is an ORD, any other control sequence is UNKNOWN.
ACTIONS: dict[str, int] = _actions()

_TAKE_LIMITS = """
sum prod coprod bigcap bigcup bigodot bigoplus bigotimes bigsqcup biguplus bigvee bigwedge
lim max min sup inf limsup liminf det gcd Pr injlim projlim varinjlim varprojlim varlimsup varliminf
"""
#: Operators for which \\limits changes nothing in display style, because they have limits there already.
DISPLAY_LIMITS: frozenset[str] = frozenset(f"\\{name}" for name in _TAKE_LIMITS.split())
