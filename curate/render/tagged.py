r"""Tags parts of a label by colour, so that their drawings can be told apart. For marks, never for pictures.

A drawing doesn't say which cell of a table a glyph is in, nor which of two commands drew it if mathra has one glyph
for both (`\mathcal` and `\mathscr`). A colour is drawn with every glyph of a part and changes nothing else. Labels with
their own colours are left as they are.
"""

from __future__ import annotations

import re

from curate.render.tables import STEP, group

#: Commands that mathra draws with the glyphs of another, although LaTeX has different letters.
LOOK_ALIKES = ("mathscr", "hslash", "varnothing")
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{(\w+\*?)\}\s*")
_WITH_ARGUMENT = frozenset({"array", "alignedat", "alignat", "subarray", "alignat*"})
_BETWEEN = re.compile(r"\s*(?:\*?\s*\[[^\]]*\]\s*)?(?:\\(?:hline|cline\s*\{[^{}]*\})\s*)*")
_NO_CELL = re.compile(r"\s*(?:\\end|\\multicolumn|\\cr|$)")
_LOOK_ALIKE = re.compile(rf"\\({'|'.join(LOOK_ALIKES)})(?![A-Za-z])(\s*\{{[^{{}}]*\}})?")


def tagged(tex: str) -> str:
    """A prepared label with its cells and its look-alikes tagged."""
    if "color" in tex:
        return tex
    if "&" in tex:
        tex = _with_cells(tex)
    return _LOOK_ALIKE.sub(_marked, tex)


def tag(fill: str) -> tuple[int, str]:
    """The number of the cell (0: unknown) and the command that a colour stands for (empty: none)."""
    if fill.startswith("#5c"):
        return int(fill[3:], 16), ""
    if fill.startswith("#5d"):
        return 0, LOOK_ALIKES[int(fill[3:], 16)]
    return 0, ""


def _marked(found: re.Match[str]) -> str:
    command, argument = found.groups()
    if command == "mathscr" and not argument:
        return found.group()
    colour = f"{{\\color{{#5d{LOOK_ALIKES.index(command):04x}}}\\{command}"
    return f"{colour}{argument}}}" if command == "mathscr" else f"{colour}}}{argument or ''}"


def _with_cells(tex: str) -> str:
    pieces: list[str] = []
    depths: list[int] = []  # of braces, in each open environment
    depth = cells = at = 0
    while at < len(tex):
        environment = _ENVIRONMENT.match(tex, at)
        if environment is not None:
            pieces.append(environment.group())
            at = environment.end()
            if environment.group(1) == "end":
                depth = depths.pop() if depths else depth
                continue
            depths.append(depth)
            depth = 0
            if environment.group(2) in _WITH_ARGUMENT and tex.startswith("{", at):
                inner, rest = group(tex[at:])
                pieces.append("{" + inner + "}")
                at = len(tex) - len(rest)
            cell = True
        else:
            step = STEP.match(tex, at)
            assert step is not None
            token, at = step.group(), step.end()
            pieces.append(token)
            depth += {"{": 1, "}": -1}.get(token, 0)
            cell = token in ("&", "\\\\", r"\cr") and depth == 0 and bool(depths)
        if cell:
            between = _BETWEEN.match(tex, at)
            assert between is not None
            if not _NO_CELL.match(tex, between.end()):
                cells += 1
                pieces.append(f"{between.group()}\\color{{#5c{cells:04x}}}")
                at = between.end()
    return "".join(pieces)
