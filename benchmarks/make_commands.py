"""Makes rules/data/commands.tsv and environments.tsv from what the engines say; for developers, never needed to use texsieve.

    python benchmarks/make_commands.py --katex DIR [--texmf DIR] [--labels FILE ...]

Needs pdflatex, node with `npm install katex` run in DIR, and this project's own environment (quickjax, math-core). --texmf names an unpacked
texlive-latex-extra/-science tree where cancel.sty and the like aren't installed. --labels are label files whose commands are candidates too and
whose counts rank suggestions. What no engine says (which argument is text, what needs a context) is in commands_by_hand.txt.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from command_probes import PREAMBLE, Katex, Latex, MathCore, MathJax

HERE = Path(__file__).parent
DATA = HERE.parent / "rules/data"
SOURCES = ["latex.ltx", "fontmath.ltx", "amsmath.sty", "amstext.sty", "amsbsy.sty", "amsopn.sty", "amsgen.sty", "amssymb.sty", "amsfonts.sty",
           "mathrsfs.sty", "bm.sty", "cancel.sty", "article.cls", "size10.clo", "omsenc.def", "ot1enc.def", "textcomp.sty"]  # fmt: skip
PACKAGES = ["mathtools", "amsthm", "amscd", "xcolor", "graphicx", "hyperref", "booktabs", "array", "braket", "stmaryrd", "wasysym", "esint", "physics",
            "siunitx", "textcomp", "latexsym", "amsxtra", "upgreek", "mathdots", "ulem", "soul", "multirow", "arydshln", "extarrows", "mhchem", "gensymb", "tikz"]  # fmt: skip
CLASSES = {"0": "ord", "1": "op", "2": "bin", "3": "rel", "4": "open", "5": "close", "6": "punct", "7": "ord"}
KATEX_GROUPS = {"rel": "rel", "bin": "bin", "mathord": "ord", "textord": "ord", "open": "open", "close": "close", "punct": "punct", "inner": "inner",
                "op-token": "op", "spacing": "space", "accent-token": "accent"}  # fmt: skip
KATEX_TYPES = {"accent": "accent", "accentUnder": "accent", "horizBrace": "accent", "font": "font", "text": "text", "op": "op", "mclass": "ord",
               "xArrow": "stack", "genfrac": "fraction", "infix": "infix", "color": "colour", "kern": "space", "delimsizing": "size", "styling": "style",
               "sizing": "sizeswitch", "html": "document", "href": "document", "lap": "box", "phantom": "box", "enclose": "box", "textord": "ord"}  # fmt: skip
MATHJAX = {"NamedFn": ("func", ""), "NamedOp": ("op", ""), "Accent": ("accent", "m"), "MathFont": ("font", "m"), "HBox": ("text", "t"),
           "xArrow": ("stack", "om"), "Relation": ("rel", ""), "UnderOver": ("accent", "m"), "SetFont": ("fontswitch", ""), "SetSize": ("sizeswitch", ""),
           "NArrow": ("rel", ""), "Matrix": ("other", "m"), "Expression": ("func", ""), "Qqtext": ("text", ""), "k": ("text", ""), "Spacer": ("space", "")}  # fmt: skip
MATHJAX_PACKAGES = {"physics": "physics", "mathtools": "mathtools", "braket": "braket", "mhchem": "mhchem", "html": "mathjax", "extpfeil": "extpfeil",
                    "enclose": "mathjax", "unicode": "mathjax", "bbox": "mathjax", "action": "mathjax", "amscd": "amscd", "textcomp": "textcomp"}  # fmt: skip
ONE_COLUMN = {"gather", "gather*", "gathered", "multline", "multline*", "multlined", "lgathered", "rgathered", "subarray", "crampedsubarray"}
KINDS_BY_HAND = {"tabular": "text", "minipage": "text", "lrbox": "text", "picture": "picture", "spreadlines": "text", "document": "text",
                 "numcases": "display", "subnumcases": "display"}  # fmt: skip
NOT_MEANT = {"L", "R", "csname", "input", "line", "mathdisplay", "lrbox", "filecontents", "filecontents*", "document", "savenotes", "list", "trivlist"}
DUMMY = {"m": "{x}", "t": "{x}", "r": "{x}", "d": "(", "l": "1pt ", "D": "{1pt}", "o": "", "O": "", "s": ""}


@dataclass
class Row:
    """A command in the making."""

    name: str
    kind: str = ""
    args: str = ""
    mode: str = "both"
    flags: dict[str, int] = field(default_factory=dict)
    package: str = ""
    common: int = 0
    notes: list[str] = field(default_factory=list)
    sample: str | None = None
    probed: bool = True

    def call(self) -> str:
        """The command as a probe calls it."""
        return self.sample or f"\\{self.name}" + ("".join(DUMMY[a] for a in self.args) or ("" if not self.name.isalpha() else " "))


def by_hand() -> tuple[dict[str, tuple[str, str]], dict[str, str], dict[str, str]]:
    """(kind and args, samples, notes) by command, from commands_by_hand.txt."""
    kinds: dict[str, tuple[str, str]] = {}
    samples: dict[str, str] = {}
    notes: dict[str, str] = {}
    for line in (HERE / "commands_by_hand.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(("!sample ", "!note ")):
            what, name, text = line.split(" ", 2)
            (samples if what == "!sample" else notes)[name] = text
        elif line and not line.startswith("#"):
            kind, args, *names = line.split()
            for name in names:
                kinds.setdefault(" " if name == r"\s" else name, (kind, "" if args == "-" else args))
    return kinds, samples, notes


def seen(files: list[Path]) -> tuple[collections.Counter[str], collections.Counter[str]]:
    """How often each command and environment stands in label files (any text format; JSON escapes are undone)."""
    commands: collections.Counter[str] = collections.Counter()
    environments: collections.Counter[str] = collections.Counter()
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace")
        if file.suffix in (".json", ".jsonl"):
            text = text.replace("\\\\", "\\")
        commands.update(re.findall(r"\\([A-Za-z]+|[^A-Za-z\n])", text))
        environments.update(re.findall(r"\\begin\s*\{\s*([A-Za-z]+\*?)\s*\}", text))
    return commands, environments


def tex_kind(meaning: str, inner: str) -> tuple[str, str] | None:
    """Kind and args that a \\meaning gives away; `inner` is the meaning of a robust command's real body."""
    for text in (meaning, inner):
        if m := re.match(r'\\mathchar"?([0-7]?)[0-9A-F]{3}$', text):
            return CLASSES[m.group(1) or "0"], ""
        body = text.partition("->")[2]
        if m := re.search(r'\\(?:delimiter|mathchar) ?(?:"([0-9A-F]+)|(\d+)) ', body + " "):
            number = int(m.group(1), 16) if m.group(1) else int(m.group(2))
            return CLASSES[str(number >> 24 if r"\delimiter" in body else number >> 12)], ""
        if not text.startswith(("macro:#", r"\long macro:#", r"\protected macro:#")):
            if re.search(r"\\(qopname|operator@font|mathop)\b", body):
                return ("func" if r"\nolimits" in body or re.search(r"\\qopname *\\relax *o", body) else "op"), ""
            for word, kind in (("mathrel", "rel"), ("mathbin", "bin"), ("mathinner", "inner"), ("mathopen", "open"), ("mathclose", "close"), ("mathpunct", "punct")):
                if re.match(rf"(\\DOTS\w+ *|\\protect *)*\\{word}\b", body):
                    return kind, ""
    return None


def fallback_kind(name: str, meaning: str, inner: str) -> tuple[str, str]:
    """For LaTeX's remaining names: registers, primitives, macros."""
    if re.match(r"\\(dimen|skip|count|toks|muskip)\d|\\[a-z]+ ?\d*$", meaning) and meaning.rstrip() != f"\\{name}":
        return "definition", ""
    if meaning.rstrip() == f"\\{name}":
        return "primitive", ""
    if "-cmd" in meaning:
        return "text", ""
    return "document", ""


def macro_kind(name: str, macros: dict[str, str], symbols: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """Kind and args of a KaTeX macro: that of what it stands for."""
    body = macros[name]
    args = "m" * max((int(d) for d in re.findall(r"#(\d)", body)), default=0)
    for word, kind in (("mathrel", "rel"), ("mathbin", "bin"), ("mathop", "op"), ("operatorname", "op"), ("mathopen", "open"), ("mathclose", "close"),
                       ("mathrm{", "ord"), ("mathord", "ord"), ("mathbb{", "ord"), ("textcolor", "colour"), ("mathpunct", "punct"), ("mathinner", "inner")):  # fmt: skip
        if re.match(rf"(\\html@mathml\{{)?(\\DOTS\w+)?\\{re.escape(word)}", body):
            return kind, args
    if m := re.fullmatch(r"\\([A-Za-z]+)", body):
        if m.group(1) in symbols:
            return KATEX_GROUPS[symbols[m.group(1)][0]], ""
        if m.group(1) in macros:
            return macro_kind(m.group(1), macros, symbols)
    return "other", args


def main() -> None:
    """Collect, probe, write."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--katex", type=Path, required=True)
    options.add_argument("--texmf", default="")
    options.add_argument("--labels", type=Path, nargs="*", default=[])
    given = options.parse_args()
    latex, katex, mathjax, mathcore = Latex(texmf=given.texmf), Katex(given.katex.resolve()), MathJax(), MathCore()
    if not latex.loads():
        raise SystemExit("the reference preamble does not load: cancel.sty missing? see --texmf")
    hand, samples, notes = by_hand()
    counts, environment_counts = seen(given.labels)
    ktables, jtables = katex.tables(), mathjax.tables()
    jmacros: dict[str, tuple[str, str]] = {}
    for table, entries in [*jtables["macro"], *jtables["delimiter"]]:
        for name, handler in entries:
            jmacros.setdefault(name.removeprefix("\\"), (table, handler))
    kmacros = {n[1:]: d for n, d in ktables["macros"].items() if n.startswith("\\") and "@" not in n}
    ksymbols = {n[1:]: (g, mode) for mode in ("text", "math") for n, g in ktables[mode].items() if n.startswith("\\") and len(n) > 1 and "@" not in n}
    kfunctions = {n[1:]: d for n, d in ktables["functions"].items() if n.startswith("\\") and "@" not in n and d["type"] != "internal"}
    harvested = harvest(latex)
    letters = {n for n in {*hand, *kmacros, *ksymbols, *kfunctions, *jmacros, *harvested} if re.fullmatch(r"[A-Za-z]+|[^A-Za-z0-9\x00-\x1f\x7f-\uffff]", n)}
    candidates = letters | {n for n in counts if re.fullmatch(r"[A-Za-z]+", n)}
    known = latex.defined(candidates) | {n for n in candidates if n in r"\{}%# "}
    packaged: dict[str, str] = {}
    meanings, inner = latex.meanings(known), latex.meanings(known, robust=True)
    for package in PACKAGES:
        other = Latex(PREAMBLE + rf"\usepackage{{{package}}}", texmf=given.texmf)
        if other.loads():
            new = other.defined(candidates - known) - set(packaged)
            packaged |= dict.fromkeys(new, package)
            meanings |= other.meanings(new)
            inner |= other.meanings(new, robust=True)
    rows = []
    for name in sorted(candidates):
        in_engine = name in kmacros or name in ksymbols or name in kfunctions or name in jmacros
        if not (name in known or in_engine or name in packaged or name in hand):
            continue
        row = Row(name, sample=samples.get(name), common=math.ceil(math.log10(counts[name] + 1)))
        jmap, handler = jmacros.get(name, ("", ""))
        guess = hand.get(name) or tex_kind(meanings.get(name, ""), inner.get(name, ""))
        if not guess and name in ksymbols:
            guess = KATEX_GROUPS[ksymbols[name][0]], ""
            if ksymbols[name][0] == "accent-token":
                guess = "accent", "m"
        if not guess and name in kfunctions:
            guess = KATEX_TYPES.get(kfunctions[name]["type"], "other"), katex_args(kfunctions[name])
        if not guess and handler in MATHJAX:
            guess = MATHJAX[handler]
        if not guess and (handler == "char" or jmap.startswith(("mathchar", "lcGreek", "ucGreek"))):
            guess = "ord", ""
        if not guess and name in kmacros:
            guess = macro_kind(name, kmacros, ksymbols)
        if not guess and in_engine:
            guess = "other", ""
        row.kind, row.args = guess or fallback_kind(name, meanings.get(name, ""), inner.get(name, ""))
        row.probed = in_engine or name in hand or counts[name] > 0
        row.flags = {"latex": int(name in known)}
        row.package = "" if name in known else packaged.get(name) or next((p for k, p in MATHJAX_PACKAGES.items() if jmap.lower().startswith(k)), "")
        if name in notes:
            row.notes.append(notes[name])
        rows.append(row)
    probe(rows, latex, katex, mathjax, mathcore)
    audit(rows, latex)
    write(rows)
    environments(latex, katex, mathjax, mathcore, {n for _, e in jtables["environment"] for n, _ in e} | set(ktables["environments"]) | set(environment_counts), harvested, given.texmf)


def katex_args(function: dict) -> str:
    """KaTeX's argument types as a signature."""
    letter = {"text": "t", "raw": "r", "url": "r", "color": "r", "size": "D", "hbox": "t"}
    types = (function.get("types") or []) + ["math"] * 9
    return "".join(("o" if i < function["opt"] else letter.get(types[i], "m")) for i in range(function["opt"] + function["args"]))


def harvest(latex: Latex) -> set[str]:
    """Every control word in the sources of the reference preamble."""
    import subprocess

    names: set[str] = set()
    for source in SOURCES:
        path = subprocess.run(["kpsewhich", source], capture_output=True, text=True, env=latex.env, check=False).stdout.strip()
        if path:
            text = Path(path).read_text(encoding="latin-1")
            names |= set(re.findall(r"\\([A-Za-z]+)(?![@A-Za-z])", text)) | set(re.findall(r"\\newenvironment\*?\{([a-z]+)\}", text))
    return names


def probe(rows: list[Row], latex: Latex, katex: Katex, mathjax: MathJax, mathcore: MathCore) -> None:
    """Fill in mode, delimiter, limits, the engines' flags and notes."""
    calls = [row.call() for row in rows]
    mine = [i for i, row in enumerate(rows) if row.flags["latex"] and row.probed]
    in_math = dict(zip(mine, latex.errors([calls[i] for i in mine]), strict=True))
    in_text = dict(zip(mine, latex.errors([calls[i] for i in mine], template="%s"), strict=True))
    limits = dict(zip(mine, latex.errors([calls[i] + r"\limits_a" for i in mine]), strict=True))
    fences = dict(zip(mine, latex.errors([rf"\left\{rows[i].name} x\right." for i in mine]), strict=True))
    engines = {"katex": katex.errors(calls), "mathjax": mathjax.errors(calls), "mathcore": mathcore.errors(calls)}
    boxed = {n: e.errors([rf"\text{{{c}}}" for c in calls]) for n, e in (("katex", katex), ("mathjax", mathjax), ("mathcore", mathcore))}
    fenced = katex.errors([rf"\left\{row.name} x\right." for row in rows])
    for i, row in enumerate(rows):
        if i in in_math:
            math_error, text_error = in_math[i], in_text[i]
            row.mode = "text" if math_error and not text_error else "math" if text_error and not math_error else "both"
            if math_error:
                row.notes.append(f"LaTeX in math: {math_error.strip()}" if not text_error else f"LaTeX, alone: {math_error.strip()}")
            row.flags["limits"] = int(limits[i] is None and math_error is None)
            row.flags["delimiter"] = int(fences[i] is None and row.args == "" and row.kind in ("ord", "open", "close", "rel", "punct", "bin", "other"))
        else:
            row.mode = "text" if engines["katex"][i] and not boxed["katex"][i] else "math"
            row.flags["limits"] = int(row.kind in ("op", "func"))
            row.flags["delimiter"] = int(fenced[i] is None)
        for engine, errors in engines.items():
            row.flags[engine] = int(errors[i] is None or (row.mode == "text" and boxed[engine][i] is None))


def audit(rows: list[Row], latex: Latex) -> None:
    """Print where LaTeX disagrees with a signature: an argument too many or too few, an optional one, text for math."""
    mine = [r for r in rows if r.flags["latex"] and r.probed and not r.sample and r.name.isalpha() and r.kind not in ("definition", "primitive")]
    display = "\\begin{equation*}\n%s\n\\end{equation*}"

    def ask(kind: str, chosen: list[Row], text: Callable[[Row], str], bad: Callable[[str | None], bool]) -> None:
        math = [r for r in chosen if r.mode != "text"]
        prose = [r for r in chosen if r.mode == "text"]
        for some, template in ((math, display), (prose, "%s")):
            for row, error in zip(some, latex.errors([text(r) for r in some], template), strict=True):
                if bad(error):
                    print(f"audit: {kind}: \\{row.name} [{row.kind} {row.args or '-'}]: {error}")

    bare = [r for r in mine if not r.args]
    ask("wants an argument?", bare, lambda r: r.call(), lambda e: e is not None and ("ended" in e or "Missing" in e or "match" in e))
    taking = [r for r in mine if r.args and r.args[-1] in "mtr"]
    ask("takes fewer", taking, lambda r: "\\" + r.name + "".join(DUMMY[a] for a in r.args[:-1]) + " ", lambda e: e is None)
    closed = [r for r in mine if not set(r.args) & set("oOdls") and r.mode != "text"]
    ask("takes an optional", closed, lambda r: f"\\{r.name}[" + "".join(DUMMY[a] for a in r.args[1:]), lambda e: e is not None and ("ended" in e or "match" in e))
    opened = [r for r in mine if set(r.args) & set("oO")]
    ask("takes no optional", opened, lambda r: f"\\{r.name}[" + "{x}" * len(r.args), lambda e: e is None)
    text = [r for r in mine if "t" in r.args and r.kind != "document"]
    ask("takes math, not text", text, lambda r: r.call().replace("{x}", r"{\alpha}"), lambda e: e is None)
    math = [r for r in mine if "m" in r.args]
    ask("takes text, not math", math, lambda r: r.call().replace("{x}", r"{\alpha}"), lambda e: bool(e and "Missing $" in e))


def write(rows: list[Row]) -> None:
    """commands.tsv."""
    columns = ["latex", "katex", "mathjax", "mathcore"]
    lines = ["\t".join(["name", "kind", "args", "mode", "delimiter", "limits", *columns, "package", "common", "note"])]
    for row in sorted(rows, key=lambda r: r.name):
        note = re.sub(r"\s+", " ", "; ".join(row.notes))
        flags = [str(row.flags[c]) for c in ["delimiter", "limits", *columns]]
        lines.append("\t".join([row.name, row.kind, row.args, row.mode, *flags, row.package, str(row.common), note]))
    (DATA / "commands.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(collections.Counter(r.kind for r in rows), len(rows))


def environments(latex: Latex, katex: Katex, mathjax: MathJax, mathcore: MathCore, names: set[str], harvested: set[str], texmf: str) -> None:
    """environments.tsv."""
    arguments = {n: line.split()[0] for line in (HERE / "environments_by_hand.txt").read_text(encoding="utf-8").splitlines()
                 if not line.startswith("#") for n in line.split()[1:]}  # fmt: skip
    starred = {n for n in harvested | names for n in (n, n + "*")}
    ends = latex.defined({f"end{n}" for n in starred})
    defined = {n for n in latex.defined(starred) if f"end{n}" in ends and re.fullmatch(r"[A-Za-z]+\*?", n) and not n.startswith(("end", "if", "@"))}
    wider = Latex(PREAMBLE + r"\usepackage{mathtools}", texmf=texmf)
    more = {n for n in wider.defined({*names, *starred}) if n not in defined} & {n.removeprefix("end") for n in wider.defined({f"end{n}" for n in starred})}
    table = sorted(names | defined | more | set(arguments))

    def call(name: str, body: str) -> str:
        filler = {"O": "", "r": "{cc}" if name not in ("minipage", "alignat", "alignat*", "alignedat", "xalignat", "xalignat*", "xxalignat") else ("{3cm}" if name == "minipage" else "{2}")}
        return f"\\begin{{{name}}}" + "".join(filler[a] for a in arguments.get(name, "")) + body + f"\\end{{{name}}}"

    plain, cells = [call(n, r"\alpha") for n in table], [call(n, r"x&y\\z&w") for n in table]
    both = plain + cells
    inner, outer, text = latex.errors(both), latex.errors(both, template="%s"), latex.errors([call(n, "x") for n in table], template="%s")
    k, j, c = katex.errors(both), mathjax.errors(both), mathcore.errors(both)
    lines = ["\t".join(["name", "args", "kind", "cells", "max_columns", "latex", "katex", "mathjax", "mathcore", "package", "note"])]
    half = len(table)
    for i, name in enumerate(table):
        ok_inner, ok_display, ok_text = inner[i] is None or inner[half + i] is None, outer[i] is None, text[i] is None
        kind = "inner" if ok_inner and not ok_display else "display" if ok_display and not ok_inner else "text"
        if name in KINDS_BY_HAND:
            kind = KINDS_BY_HAND[name]
        elif name not in defined:
            kind = "inner" if k[i] is None or j[i] is None else "text"
        note = f"LaTeX inside equation*: {inner[i] or inner[half + i]}" if name in defined and not ok_inner else ""
        has_cells = int((inner[half + i] is None or outer[half + i] is None) if name in defined else k[half + i] is None or j[half + i] is None)
        widest = ""
        if name in ONE_COLUMN:
            has_cells, widest = 1, "1"
        elif has_cells and name in defined:
            tries = latex.errors([call(name, "&".join("x" * n)) for n in range(1, 25)], template="%s" if kind != "inner" else "\\begin{equation*}\n%s\n\\end{equation*}")
            good = [n + 1 for n, error in enumerate(tries) if error is None]
            widest = str(max(good)) if good and max(good) < 24 and "r" not in arguments.get(name, "") else ""
        flags = [int(name in defined), *(int(e[i] is None or e[half + i] is None) for e in (k, j, c))]
        package = "" if name in defined else "mathtools" if name in more else "amscd" if name == "CD" else ""
        if name == "tabular":
            note = "works inside a formula too; its cells are text"
        if name in NOT_MEANT or (not any(flags) and not package and name not in arguments):
            continue
        lines.append("\t".join([name, arguments.get(name, ""), kind, str(has_cells), widest, *map(str, flags), package, note]))
    (DATA / "environments.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
