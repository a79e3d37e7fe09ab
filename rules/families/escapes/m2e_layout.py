r"""ESC: repairs a whole label whose tokens `\n` and `\t` stand for lines. Single tokens are in `escape_sequences`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.fixes import m2e_layout
from rules.options import Option
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has


@rule(
    "ESC010",
    "layout-repair",
    "info",
    has(r"\\(?:[nt]|DIV)(?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    profiles=("m2e",),
    options={"layout": Option("tabular", choices=m2e_layout.LAYOUTS)},
    tags=["layout", "layout-repair"],
    mended_by="layout",
    covers={"ESC1": "repairs it in the profile m2e", "ESC2": ""},
)
def layout_repair(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label whose layout tokens can be written as one table, or, as a warning, the reason why they can't.

    Why: Other rules report each `\n` and `\t` as an error. Such a label should become a table that looks like the page,
    with a row for every line, and a rule where a calculation in columns has one.
    Fires: ``1 2 \n \times 3 4 \n 4 0 8`` => ``\begin{tabular}{l}␊12 \\␊$\times \quad 34$ \\␊\hline 408␊\end{tabular}``
    Fires: ``3 x + 5 = 1 1 \n - 2 x \n x = 3`` => ``\begin{tabular}{l}␊$3x+5=11$ \\␊$-2x$ \\␊$x=3$␊\end{tabular}``
    Fires: ``a = 1 \n \n b = 2`` -> ``\n``
    Fires: ``8 \DIV 9 6 \n 1 2`` -> ``\DIV``
    Quiet: ``a \neq b + \tan x``
    Quiet: ``\begin{tabular}{l} $3x=6$ \\ $x=2$ \end{tabular}``
    Fix: Unsafe: the table. Calculations in columns are recognised by the shape of their lines. A row is text, a number,
    or a formula in dollar signs. With `layout = "array"`, the rows are formulas with text in `\text{}`, for KaTeX and
    MathJax, which don't know `tabular`. There is no fix for a label with an empty row or `\DIV`, where the label
    doesn't say what is there.
    See: HCIILAB/LAST model/M2Edatamodule.py splits labels at both tokens.
    """
    layout = options["layout"]
    repaired = m2e_layout.attempt(label.text, layout)
    if repaired.text is None:
        start, end = 0, len(label.text)
        if repaired.at is not None:
            places = m2e_layout.spans(label.text)[repaired.at[0] : repaired.at[1]]
            if places:
                start, end = places[0][0], places[-1][1]
        yield Finding(f"the label can't be written as a table: {repaired.reason}", start, end, severity="warning")
    elif repaired.text != label.text:
        rows = repaired.text.count("\\\\\n") + 1
        yield Finding(
            f"the layout tokens can be written as a table of {rows} row{'s' if rows > 1 else ''}",
            0,
            len(label.text),
            repaired.text,
        )
