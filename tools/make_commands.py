"""Makes rules/latex/data/*.tsv by asking the engines. For developers: texsieve never runs it.

    python tools/make_commands.py --katex DIR [--texmf DIR] [--labels FILE ...]

Needs pdflatex, node with `npm install katex` run in DIR, the project's own environment, and quickjax in it for MathJax
(pip install quickjax). --texmf is an unpacked tree of texlive-latex-extra and -science, for machines where cancel.sty
and the like aren't installed. --labels are label files: their commands are also candidates, and their counts rank
suggestions. Facts that no engine gives (which argument is text, how to call a command that can't be used alone) are in
commands_by_hand.txt; `audit:` lines on the terminal report where LaTeX disagrees with it.
"""

from __future__ import annotations

import argparse
import collections
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import command_environments
from command_kinds import katex_kind, mathjax_kind, remaining_kind, tex_kind
from command_probes import DISPLAY, PREAMBLE, Katex, Latex, MathCore, MathJax

HERE = Path(__file__).parent
DATA = HERE.parent / "rules/latex/data"
SOURCES = """
    latex.ltx fontmath.ltx amsmath.sty amstext.sty amsbsy.sty amsopn.sty amsgen.sty amssymb.sty amsfonts.sty
    mathrsfs.sty bm.sty cancel.sty article.cls size10.clo omsenc.def ot1enc.def textcomp.sty
""".split()  # noqa: SIM905
PACKAGES = """
    graphicx xcolor mathtools amsthm amscd hyperref booktabs array braket stmaryrd wasysym esint physics siunitx
    amsxtra upgreek mathdots ulem soul multirow arydshln extarrows extpfeil mhchem gensymb tikz
""".split()  # noqa: SIM905
# If TeX has no copy of the package, the MathJax map that contains the command names it.
MATHJAX_PACKAGES = {
    "physics": "physics",
    "mathtools": "mathtools",
    "braket": "braket",
    "mhchem": "mhchem",
    "extpfeil": "extpfeil",
    "amscd": "amscd",
    "html": "mathjax",
    "enclose": "mathjax",
    "unicode": "mathjax",
    "bbox": "mathjax",
    "action": "mathjax",
}
ENGINES = ("katex", "mathjax", "mathcore")
COLUMNS = ["name", "kind", "args", "mode", "delimiter", "limits", "latex", *ENGINES, "package", "common", "note"]
LIMITS = ("op", "func", "accent", "stack")
DUMMY = {"m": "{x}", "t": "{x}", "r": "{x}", "d": "(", "l": "1pt ", "D": "{1pt}", "o": "", "O": "", "s": ""}


@dataclass
class Row:
    """A command whose row is being filled in."""

    name: str
    kind: str
    args: str
    latex: bool
    package: str
    common: int
    notes: list[str]
    sample: str | None
    probed: bool
    mode: str = "both"
    flags: dict[str, bool] = field(default_factory=dict)

    def call(self, argument: str = "{x}") -> str:
        """The command as a probe calls it."""
        dummies = "".join(DUMMY[letter] for letter in self.args).replace("{x}", argument)
        return self.sample or f"\\{self.name}{dummies or ' ' * self.name.isalpha()}"


def by_hand() -> tuple[dict[str, tuple[str, str]], dict[str, dict[str, str]]]:
    """From commands_by_hand.txt: kind and args by command, and the values of `!sample`, `!note` and `!package`."""
    kinds: dict[str, tuple[str, str]] = {}
    texts: dict[str, dict[str, str]] = {"!sample": {}, "!note": {}, "!package": {}}
    for line in (HERE / "commands_by_hand.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            what, name, text = line.split(" ", 2)
            texts[what][name] = text
        elif line and not line.startswith("#"):
            kind, args, *names = line.split()
            for name in names:
                if name in kinds:
                    raise SystemExit(f"commands_by_hand.txt has {name} twice")
                kinds[name] = kind, "" if args == "-" else args
    kinds[" "] = "space", ""
    return kinds, texts


def seen(files: list[Path]) -> tuple[collections.Counter[str], set[str]]:
    """How often each command occurs in label files (of any text format), and which environments occur."""
    commands: collections.Counter[str] = collections.Counter()
    environments: set[str] = set()
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace")
        if file.suffix in (".json", ".jsonl"):
            text = text.replace("\\\\", "\\")
        commands.update(re.findall(r"\\([A-Za-z]+|[^A-Za-z\n])", text))
        environments.update(re.findall(r"\\begin\s*\{\s*([A-Za-z]+\*?)\s*\}", text))
    return commands, environments


def harvest(latex: Latex) -> set[str]:
    """Every control word in the sources of the reference preamble."""
    names: set[str] = set()
    for source in SOURCES:
        found = subprocess.run(["kpsewhich", source], capture_output=True, text=True, env=latex.env, check=False).stdout
        if found:
            text = Path(found.strip()).read_text(encoding="latin-1")
            names.update(re.findall(r"\\([A-Za-z]+)(?![@A-Za-z])", text))
            names.update(re.findall(r"\\newenvironment\*?\{([a-z]+)\}", text))
    return names


def public(table: dict[str, object]) -> dict:
    """The commands of a KaTeX table, without backslash; its internals have an @."""
    return {name[1:]: entry for name, entry in table.items() if name[0] == "\\" and len(name) > 1 and "@" not in name}


def collect(
    latex: Latex, katex: dict, mathjax: dict, counts: collections.Counter[str], harvested: set[str], texmf: str
) -> list[Row]:
    """Every name that an engine knows, with its kind and arguments."""
    hand, texts = by_hand()
    samples, notes = texts["!sample"], texts["!note"]
    fences = {
        table for table, _ in mathjax["delimiter"]
    }  # these hold characters too, and commands with their backslash
    jnames: dict[str, tuple[str, str]] = {}
    for table, entries in mathjax["macro"]:
        for name, handler in entries:
            if table not in fences or name.startswith("\\"):
                jnames.setdefault(name.removeprefix("\\"), (table, handler))
    macros, functions = public(katex["macros"]), public(katex["functions"])
    functions = {name: entry for name, entry in functions.items() if entry["type"] != "internal"}
    symbols = public(katex["text"]) | public(katex["math"])
    engines = {*macros, *functions, *symbols, *jnames}
    candidates = {n for n in {*hand, *engines, *harvested, *counts} if re.fullmatch(r"[A-Za-z]+|[ -/:-@[-`{-~]", n)}
    known = latex.defined(candidates) | (candidates & set("\\{}%# "))
    known |= {"of"} & candidates  # a delimiter of \root, not a command of its own
    meanings, inner = latex.meanings(known), latex.meanings(known, robust=True)
    makes_atom = re.compile(r"\\math(char|rel|bin|op|ord|open|close|inner|punct)\b")
    symbols_of_tex = {n for n in known if makes_atom.search(meanings.get(n, "").partition("->")[2] + inner.get(n, ""))}
    symbols_of_tex |= {n for n in known if meanings.get(n, "").startswith("\\mathchar")}
    takes_more = {name for name, (_, args) in hand.items() if args} | set(samples)
    plain = sorted((known & (engines | set(counts) | symbols_of_tex)) - takes_more)
    atoms = dict(zip(plain, latex.atoms([f"\\{n} " for n in plain]), strict=True))
    packages = dict(texts["!package"])
    for package in PACKAGES:
        wider = Latex(PREAMBLE + rf"\usepackage{{{package}}}", texmf=texmf)
        if wider.loads():
            new = sorted(wider.defined(candidates - known) - set(packages))
            packages |= dict.fromkeys(new, package)
            if package != "physics":  # its commands take arguments by rules of their own
                atoms |= zip(new, wider.atoms([f"\\{n} " for n in new]), strict=True)
            meanings |= wider.meanings(new)
            inner |= wider.meanings(new, robust=True)
    rows = []
    for name in sorted(candidates):
        if not (name in known or name in engines or name in packages or name in hand):
            continue
        table, handler = jnames.get(name, ("", ""))
        meaning, body = meanings.get(name, ""), inner.get(name, "")
        guess = (
            hand.get(name)
            or tex_kind(name, atoms.get(name, set()), meaning, body)
            or katex_kind(name, symbols, functions, macros)
            or mathjax_kind(table, handler)
            or (("other", "") if name in engines else remaining_kind(name, meaning))
        )
        package = packages.get(name) or next(
            (p for k, p in MATHJAX_PACKAGES.items() if table.lower().startswith(k)), ""
        )
        if not package and name in jnames and not (name in macros or name in functions or name in symbols):
            package = "mathjax"
        rows.append(
            Row(
                name,
                *guess,
                latex=name in known,
                package="" if name in known else package,
                common=len(str(counts[name])) if counts[name] else 0,
                notes=[notes[name]] if name in notes else [],
                sample=samples.get(name),
                probed=name in engines or name in hand or counts[name] > 0,
            )
        )
        atom = atoms.get(name, set())
        if (
            name in hand
            and not guess[1]
            and name not in samples
            and len(atom) == 1
            and guess[0] not in (*atom, "func", "text")
        ):
            print(f"audit: kind: \\{name} [{guess[0]}] makes {atom} in LaTeX")
    return rows


def find_arguments(rows: list[Row], katex: Katex, mathjax: MathJax) -> None:
    """For commands that LaTeX lacks: the fewest braced arguments with which KaTeX or MathJax accepts them."""
    for count in range(4):
        waiting = [row for row in rows if not row.flags.get("found")]
        calls = [f"\\{row.name}{'{x}' * count or ' '}" for row in waiting]
        for row, *errors in zip(waiting, katex.errors(calls), mathjax.errors(calls), strict=True):
            if None in errors:
                row.args, row.flags["found"] = "m" * count, True


def probe(rows: list[Row], latex: Latex, katex: Katex, mathjax: MathJax, mathcore: MathCore) -> None:
    """Fill in mode, delimiter, limits, the engines' flags and notes."""
    find_arguments([row for row in rows if not (row.latex or row.args or row.sample)], katex, mathjax)
    calls = [row.call() for row in rows]
    fences = [rf"\left\{row.name} x\right." for row in rows]
    mine = [i for i, row in enumerate(rows) if row.latex and row.probed]

    def ask(texts: list[str], template: str = DISPLAY) -> dict[int, str | None]:
        return dict(zip(mine, latex.errors([texts[i] for i in mine], template), strict=True))

    in_math, in_text = ask(calls), ask(calls, "%s")
    limits, fenced = ask([call + r"\limits_a" for call in calls]), ask(fences)
    engines = dict(zip(ENGINES, (katex, mathjax, mathcore), strict=True))
    alone = {name: engine.errors(calls) for name, engine in engines.items()}
    boxed = {name: engine.errors([rf"\text{{{call}}}" for call in calls]) for name, engine in engines.items()}
    katex_fenced = katex.errors(fences)
    for i, row in enumerate(rows):
        if i in in_math:
            math_error, text_error = in_math[i], in_text[i]
            row.mode = "text" if math_error and not text_error else "math" if text_error and not math_error else "both"
            if math_error:
                row.notes.append(f"LaTeX{' alone' if text_error else ' in math'}: {math_error}")
            row.flags["limits"] = limits[i] is None and math_error is None and row.kind in LIMITS
            row.flags["delimiter"] = fenced[i] is None and not row.args and row.kind in ("ord", "open", "close", "rel")
        else:
            row.mode = "text" if alone["katex"][i] and not boxed["katex"][i] else "math"
            row.flags["limits"] = row.kind in ("op", "func")
            row.flags["delimiter"] = katex_fenced[i] is None and not row.args
        for engine in ENGINES:
            row.flags[engine] = alone[engine][i] is None or (row.mode == "text" and boxed[engine][i] is None)


def audit(rows: list[Row], latex: Latex) -> None:
    """Print where LaTeX disagrees with a signature: an argument too many or too few, an optional one, text for math."""
    skipped = ("definition", "primitive", "document")
    mine = [r for r in rows if r.latex and r.probed and not r.sample and r.name.isalpha() and r.kind not in skipped]

    def ask(what: str, chosen: list[Row], text: Callable[[Row], str], bad: Callable[[str], bool]) -> None:
        for prose in (False, True):
            some = [row for row in chosen if (row.mode == "text") == prose]
            for row, error in zip(some, latex.errors([text(r) for r in some], "%s" if prose else DISPLAY), strict=True):
                if bad(error or ""):
                    print(f"audit: {what}: \\{row.name} [{row.kind} {row.args or '-'}]: {error}")

    def start(row: Row, args: str, opening: str = "") -> str:
        return f"\\{row.name}{opening}" + "".join(DUMMY[letter] for letter in args) + " "

    def unfinished(error: str) -> bool:
        return "ended" in error or "match" in error

    closed = [r for r in mine if not set(r.args) & set("oOdls") and r.mode != "text"]
    ask("wants an argument", [r for r in mine if not r.args], Row.call, lambda e: unfinished(e) or "Missing" in e)
    ask("takes fewer", [r for r in mine if r.args[-1:] in set("mtr")], lambda r: start(r, r.args[:-1]), lambda e: not e)
    ask("takes an optional one", closed, lambda r: start(r, r.args[1:], "["), unfinished)
    ask(
        "takes no optional one",
        [r for r in mine if set(r.args) & set("oO")],
        lambda r: start(r, r.args, "["),
        lambda e: not e,
    )
    ask("takes math", [r for r in mine if "t" in r.args], lambda r: r.call(r"{\alpha}"), lambda e: not e)
    ask("takes text", [r for r in mine if "m" in r.args], lambda r: r.call(r"{\alpha}"), lambda e: "Missing $" in e)


def write(file: str, header: list[str], rows: list[list[str]]) -> None:
    """A TSV with a header, sorted by name."""
    lines = ["\t".join(row) for row in [header, *sorted(rows)]]
    (DATA / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(file, len(rows), dict(collections.Counter(row[header.index("kind")] for row in rows)))


def main() -> None:
    """Collect, probe, write."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--katex", type=Path, required=True)
    options.add_argument("--texmf", default="")
    options.add_argument("--labels", type=Path, nargs="*", default=[])
    given = options.parse_args()
    latex, katex, mathjax, mathcore = Latex(texmf=given.texmf), Katex(given.katex.resolve()), MathJax(), MathCore()
    if not latex.loads():
        raise SystemExit("the reference preamble does not load: is cancel.sty missing? see --texmf")
    counts, environments = seen(given.labels)
    katex_tables, mathjax_tables, harvested = katex.tables(), mathjax.tables(), harvest(latex)
    rows = collect(latex, katex_tables, mathjax_tables, counts, harvested, given.texmf)
    probe(rows, latex, katex, mathjax, mathcore)
    audit(rows, latex)
    table = []
    for row in rows:
        flags = [str(int(row.flags[c])) if c != "latex" else str(int(row.latex)) for c in COLUMNS[4:10]]
        note = re.sub(r"\s+", " ", "; ".join(row.notes))
        table.append([row.name, row.kind, row.args, row.mode, *flags, row.package, str(row.common), note])
    write("commands.tsv", COLUMNS, table)
    environments |= {name for _, entries in mathjax_tables["environment"] for name, _ in entries}
    environments |= set(katex_tables["environments"])
    found = command_environments.table(environments, latex, katex, mathjax, mathcore, given.texmf, harvested)
    write("environments.tsv", command_environments.COLUMNS, found)


if __name__ == "__main__":
    main()
