"""Asks pdflatex, KaTeX, MathJax and math-core about single formulas, for make_commands.py. Knows no commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

PREAMBLE = r"\documentclass{article}\usepackage{amsmath,amssymb,mathrsfs,bm,cancel}"
DISPLAY = "\\begin{equation*}\n%s\n\\end{equation*}"

# A probe is read through \scantokens, so a command that needs more arguments stops at the end of the probe. Groups that
# it left open are closed afterwards.
_SCAN = r"\scantokens{%s}"
_HARNESS = r"""
\def\probeclose{\ifnum\currentgrouplevel>\probelevel\relax
  \ifcase\currentgrouptype\or\egroup\or\egroup\or\egroup\or\egroup\or\egroup\or\cr\egroup\or\egroup\or\egroup\or\egroup
  \or\egroup\or\egroup\or\egroup\or\egroup\or\endgroup\or\ifinner$\else$$\fi\or\right.\else\fi\fi}
\def\probeend#1{\probeclose\probeclose\probeclose\probeclose\probeclose\probeclose\probeclose\probeclose
  \let\probestate\probedirty\ifnum\currentgrouplevel=\probelevel\relax\ifmmode\else\let\probestate\probeclean\fi\fi
  \typeout{@@#1 \probestate}}
\def\probedirty{DIRTY}\def\probeclean{CLEAN}
\edef\probelevel{\the\numexpr\currentgrouplevel+1}"""
_MARK = re.compile(r"^@@(\d+) (START|CLEAN|DIRTY)$", re.MULTILINE)


class Latex:
    """pdflatex with the reference preamble or another one, with many probes per run.

    `texmf` is an extra tree for packages (texlive-latex-extra has cancel.sty, and need not be installed).
    """

    def __init__(self, preamble: str = PREAMBLE, *, texmf: str = "") -> None:
        self.preamble = preamble
        self.env = os.environ | ({"TEXINPUTS": f".::{texmf}//"} if texmf else {}) | {"max_print_line": "10000"}

    def run(self, body: str) -> str:
        """The log of a document with this body."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.tex")
            source.write_text(f"{self.preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="utf-8")
            with contextlib.suppress(subprocess.TimeoutExpired):  # a probe loops: the log before it counts
                subprocess.run(
                    ["pdflatex", "-draftmode", "-interaction=nonstopmode", source.name],
                    cwd=folder,
                    env=self.env,
                    check=False,
                    capture_output=True,
                    timeout=60,
                )
            return Path(folder, "probe.log").read_text(encoding="latin-1")

    def loads(self) -> bool:
        """Whether the preamble itself compiles."""
        return not re.search(r"^! ", self.run("x"), re.MULTILINE)

    def defined(self, names: Iterable[str]) -> set[str]:
        """Which of these control sequences (or \\csname names) are defined."""
        test = r"\ifcsname\detokenize{%s}\endcsname\typeout{@D \detokenize{%s}}\fi"
        log = self.run("\n".join(test % (name, name) for name in sorted(names) if _plain(name)))
        return {m.group(1) for m in re.finditer(r"^@D (\S+) ?$", log, re.MULTILINE)}

    def meanings(self, names: Iterable[str], *, robust: bool = False) -> dict[str, str]:
        """`\\meaning` of each name; with `robust`, of the body of a robust command."""
        test = r"\typeout{@M \detokenize{%s}@=\expandafter\meaning\csname \detokenize{%s}" + (
            r"\space" if robust else ""
        )
        log = self.run("\n".join(test % (name, name) + r"\endcsname}" for name in sorted(names) if _plain(name)))
        found = re.finditer(r"^@M (.*?) ?@=(.*)$", log, re.MULTILINE)
        return {m.group(1): m.group(2) for m in found if m.group(2) != r"\relax"}

    def atoms(self, calls: Sequence[str]) -> list[set[str]]:
        """The kinds of atoms ("rel", "op nolimits", …) that TeX makes of each formula, as \\showlists prints them."""
        out: list[set[str]] = [set() for _ in calls]
        for first in range(0, len(calls), 50):  # a formula that breaks TeX spoils only its batch
            tests = [
                f"\\typeout{{@A {i}}}\\setbox0\\hbox{{${_SCAN % calls[i]}\\showlists$}}"
                for i in range(first, min(first + 50, len(calls)))
            ]
            log = self.run("\\showboxbreadth=99 \\showboxdepth=0\n" + "\n".join(tests))
            for part in re.split(r"^@A ", log, flags=re.MULTILINE)[1:]:
                shown = re.search(r"^### math mode entered.*?$(.*?)^###", part, re.MULTILINE | re.DOTALL)
                if shown and not re.search(r"^! (?!OK)", part[: shown.start()], re.MULTILINE):
                    found = re.findall(r"^\\math(?!on$|off$)(\w+?)(?:\\nolimits)?(?: ?\[\])?$", shown[1], re.MULTILINE)
                    out[int(part.split("\n", 1)[0])] = set(found)
        return out

    def errors(self, probes: Sequence[str], template: str = DISPLAY) -> list[str | None]:
        """The first error of each probe on its own, None if it compiles.

        Probes share a run. Those after a probe that left groups or modes open are run again.
        """
        verdict: list[str | None] = [None] * len(probes)
        waiting = list(range(len(probes)))
        while waiting:
            batch, rest = waiting[:250], waiting[250:]
            body = [_HARNESS]
            for i in batch:
                probe = template % (_SCAN % probes[i])
                body.append(f"\\typeout{{@@{i} START}}\\begingroup\n{probe}\n\\probeend{{{i}}}\\endgroup\\par")
            log = self.run("\n".join(body))
            marks = {(int(m.group(1)), m.group(2)): m for m in _MARK.finditer(log)}
            done = 0
            for place, i in enumerate(batch):
                start = marks.get((i, "START"))
                if start is None:
                    break
                clean = marks.get((i, "CLEAN"))
                following = marks.get((batch[place + 1], "START")) if place + 1 < len(batch) else None
                end = clean.start() if clean else following.start() if following else len(log)
                found = re.search(r"^! (.*)$", log[start.end() : end], re.MULTILINE)
                verdict[i] = found.group(1).strip() if found else (None if clean else "left a group or a mode open")
                done = place + 1
                if not clean:
                    break
            waiting = batch[max(done, 1) :] + rest
        return verdict


def _plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z]+\*?|[^A-Za-z\s\\{}%#]", name) is not None


class Katex:
    """KaTeX in node: its tables, and whether it accepts a formula. `folder` is where `npm install katex` was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = (folder / "node_modules/katex/dist/katex.mjs").read_text(encoding="utf-8")
        self.module = folder / "katex_open.mjs"  # the registries are not exported
        self.module.write_text(source + "\nexport {_functions, _macros, _environments, symbols};\n", encoding="utf-8")

    def _node(self, script: str, data: str = "") -> str:
        command = ["node", "--input-type=module", "-e", f"import * as k from '{self.module}';{script}"]
        return subprocess.run(command, input=data, capture_output=True, text=True, check=True, cwd=self.folder).stdout

    def tables(self) -> dict:
        """{"version", "functions", "macros", "environments", "math", "text"} as KaTeX has them."""
        return json.loads(
            self._node(
                "const pick=d=>({type:d.type,args:d.numArgs,opt:d.numOptionalArgs||0,types:d.argTypes});"
                "const each=(o,f)=>Object.fromEntries(Object.entries(o).map(([n,d])=>[n,f(d)]));"
                "console.log(JSON.stringify({functions:each(k._functions,pick),environments:each(k._environments,pick),"
                "macros:each(k._macros,d=>typeof d==='string'?d:'(code)'),version:k.version,"
                "math:each(k.symbols.math,d=>d.group),text:each(k.symbols.text,d=>d.group)}));"
            )
        )

    def errors(self, probes: Sequence[str]) -> list[str | None]:
        """KaTeX's error for each formula (display mode, not strict), None if it renders."""
        script = (
            "import fs from 'fs';console.log=()=>0;"  # \\message prints
            "const options={displayMode:true,strict:'ignore',trust:true};"
            "const out=JSON.parse(fs.readFileSync(0,'utf8')).map(t=>{try{k.renderToString(t,{...options});"
            "return null}catch(e){return String(e.message)}});fs.writeSync(1,JSON.stringify(out));"
        )
        return json.loads(self._node(script, json.dumps(list(probes))))


class MathJax:
    """The MathJax 4 in quickjax, with the packages that quickjax enables."""

    def __init__(self) -> None:
        import quickjax
        import quickjs

        source = (Path(quickjax.__file__).parent / "js/mathjax_bundle.js").read_text(encoding="utf-8")
        found = re.search(r"globalThis\.render=function\(C\)\{try\{let L=(\w+)\.convert", source)
        if not found:
            raise RuntimeError("quickjax's bundle has changed: the document object was not found")
        self.context = quickjs.Context()
        self.context.set_max_stack_size(4 << 20)
        self.context.set_memory_limit(1 << 30)
        shown = f"globalThis.__doc={found.group(1)};globalThis.render="
        self.context.eval(source.replace("globalThis.render=", shown, 1))

    def tables(self) -> dict[str, list[tuple[str, list[tuple[str, str]]]]]:
        """For "macro", "delimiter" and "environment": (map name, [(command, handler)]), most important map first."""
        return json.loads(self.context.eval(
            "JSON.stringify(Object.fromEntries(['macro','delimiter','environment'].map(kind=>[kind,"
            "[...__doc.inputJax[0].parseOptions.handlers.get(kind)._configuration].map(({item})=>[item._name,"
            "item.map?[...item.map.entries()].map(([k,v])=>[k,v._char===undefined?(v._func&&v._func.name)||'':'char']):[]])])))"
        ))  # fmt: skip

    def errors(self, probes: Sequence[str]) -> list[str | None]:
        """MathJax's error for each formula, None if it renders. It shows unknown commands as red text."""
        out: list[str | None] = []
        for text in probes:
            try:
                svg = self.context.eval(f"render({json.dumps(text)})")
            except Exception as error:
                out.append(str(error))
                continue
            found = re.search(r'data-mjx-error="([^"]*)"', svg)
            red = re.search(r'data-mml-node="mtext" fill="red" stroke="red"', svg)
            out.append(found.group(1) if found else "unknown command" if red else None)
        return out


class MathCore:
    """math-core as the visual key uses it (default options)."""

    def __init__(self) -> None:
        from math_core import LatexToMathML

        self.plain = LatexToMathML(fancy_error=False)

    def errors(self, probes: Sequence[str]) -> list[str | None]:
        """math-core's error for each formula, None if it converts."""
        out: list[str | None] = []
        for text in probes:
            try:
                self.plain.convert_with_local_state(text, displaystyle=True)
                out.append(None)
            except Exception as error:
                out.append(str(error) or type(error).__name__)
        return out
