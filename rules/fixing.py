r"""Makes the fixes that rules propose, and proves the safe ones. Proposes none itself, and reads and writes no files.

**Proof.** A safe fix is made only if `proof` can prove it. If it can't, the fix is refused at level `safe`, with the
reason, and treated as an unsafe fix at level `unsafe`. A label that LaTeX can't read is changed only by fixes that make
it readable. No fix is made if it makes a label unreadable, or hides damage that nothing mends.

**Order.** Safe fixes come first, unsafe ones when no safe one is left. Among overlapping fixes, one of the whole label
comes first, then the one that starts first, then the longer one, then the one with the lower rule code. If the layout
rule of the profile rewrites the whole label, or says that it can't be rewritten, single layout tokens are left to it.
In the table that it writes, remarks (severity info) on spacing and spelling are left alone, so that the table stays as
written.

**One pass.** All edits of a label are made in one pass over its text, at the places that were judged: rules that
normally report only the first place report every one. A fix may reveal a place for another fix, or be in its way, so a
changed label is judged again until nothing is left to do. Fixing a fixed label changes nothing. If the spellings of a
label would repeat in a cycle, it keeps the first spelling of the cycle. A rule that fails on a label (`rules.faults`)
proposes nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import polars as pl

from rules import engine, faults
from rules.batches import cut
from rules.fixes import m2e_layout
from rules.fixes.edits import Edit, apply, disjoint, in_order
from rules.fixes.proof import Reason, Text, choose, proven, readable, reasons
from rules.registry import EVERY, all_rules, lost, tagged
from rules.selection import Ruleset
from rules.workers.helper import now_at
from rules.workers.pool import Lost
from rules.workers.spread import spread

Level = Literal["safe", "unsafe"]
LEVELS: tuple[Level, ...] = ("safe", "unsafe")
#: Which fixes of style to make besides repairs: none; the canonical form of the whole label, which leaves one spelling
#: for each visual key; or those of the rules in the ruleset, which each change only what they report.
Style = Literal["none", "canonical", "rules"]
STYLES: tuple[Style, ...] = ("none", "canonical", "rules")

#: Columns of the frame that `rules.fix` returns. applied and refused are rule codes; reasons explain those refused, in
#: order.
SCHEMA: dict[str, Any] = {
    "label": pl.String,
    "fixed": pl.String,
    "applied": pl.List(pl.String),
    "visual_key_before": pl.String,
    "visual_key_after": pl.String,
    "refused": pl.List(pl.String),
    "reasons": pl.List(pl.String),
}

#: A label that isn't done after this many passes keeps its text.
MAX_PASSES = 50


# One label ------------------------------------------------------------------------------------------------------------


@dataclass
class _Case:
    """A label being fixed: its spellings so far, the codes that changed it, those refused for its last spelling."""

    spellings: list[str]
    applied: list[list[str]] = field(default_factory=list)
    refused: dict[str, Reason] = field(default_factory=dict)
    key_before: str | None = None
    key_after: str | None = None

    def step(self, edits: Sequence[Edit], level: Level, damaged: bool = False) -> bool:
        """Make the edits that may be made. Returns whether the label changed to a spelling that it didn't have
        before.
        """
        before = Text(self.spellings[-1], damaged)
        safe = [edit for edit in edits if edit.level == "safe"]
        good, refused = choose(before, safe, proven)
        if not good and level == "unsafe":
            good, refused = choose(before, edits, readable)
        self.refused = {} if good else reasons(before, refused)
        if not good:
            return False
        text = apply(before.text, good)
        if text in self.spellings:
            first = self.spellings.index(text)
            del self.spellings[first + 1 :], self.applied[first:]
            self.key_after = Text(text).key
            return False
        self.spellings.append(text)
        self.applied.append(sorted({code for edit in good for code in edit.rules}))
        return True

    def give_up(self) -> None:
        self.refused = dict.fromkeys(sorted({code for codes in self.applied for code in codes}), "never-done")
        del self.spellings[1:], self.applied[:]


# Many labels ----------------------------------------------------------------------------------------------------------


def fix(
    labels: Sequence[str],
    ruleset: Ruleset,
    level: Level = "safe",
    *,
    style: Style = "none",
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Repair labels, which should be distinct. The frame has the columns of SCHEMA and one row per label, in order.

    style: see STYLES. The result for a label depends only on its text, so a formula with one spelling in a set never
    ends up with two.

    `workers` and `progress` are as in `rules.engine.judge`. Raises ValueError for a level or style that isn't one.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; choose from {', '.join(LEVELS)}")
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}; choose from {', '.join(STYLES)}")
    ruleset = _fixable(ruleset, style)
    batches, workers = cut(labels, workers)
    frames = []
    for frame in spread(partial(_fix_batch, ruleset=ruleset, level=level), batches, workers, lost=_unfixed, to="fix"):
        frames.append(frame)
        if progress is not None:
            progress(frame.height)
    return pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)


def _fixable(ruleset: Ruleset, style: Style) -> Ruleset:
    """The rules that propose the requested fixes, at every place, and all rules whose findings no fix may hide."""
    catalogue = all_rules()
    kinds = ("repair", "style") if style == "rules" else ("repair",)
    fixing = (code for code in ruleset.codes if catalogue[code].fix_kind in kinds)
    whole = tagged("canonical-form") if style == "canonical" else ()
    codes = tuple(dict.fromkeys((*fixing, *whole, *tagged("damage"))))
    every = {code: {**ruleset.options.get(code, {}), EVERY: True} for code in codes if EVERY in catalogue[code].options}
    return replace(ruleset, codes=codes, options={**ruleset.options, **every})


def _unfixed(gone: Lost) -> pl.DataFrame:
    """A label on which every process ended, which stays as it is."""
    row: tuple[Any, ...] = (gone.item, gone.item, [], None, None, [lost().code], ["ended-process"])
    return pl.DataFrame([row], schema=SCHEMA, orient="row")


def _fix_batch(labels: Sequence[str], ruleset: Ruleset, level: Level) -> pl.DataFrame:
    cases = [_Case([label]) for label in labels]
    open_cases = list(enumerate(cases))
    for number in range(MAX_PASSES):
        texts = [case.spellings[-1] for _, case in open_cases]
        judged = engine.judge(texts, ruleset)
        for (_, case), visual_key in zip(open_cases, judged.labels["visual_key"], strict=True):
            case.key_after = visual_key
            if number == 0:
                case.key_before = visual_key
        edits = _edits(texts, judged.findings, ruleset, level)
        damaged = set(judged.findings.filter(pl.col("rule").is_in(tagged("damage")))["row"].to_list())
        open_cases = [
            open_cases[row] for row in sorted(edits) if _stepped(*open_cases[row], edits[row], level, row in damaged)
        ]
        now_at(-1)
        if not open_cases:
            break
    for _, case in open_cases:
        case.give_up()
    return pl.DataFrame(
        [
            (
                case.spellings[0],
                case.spellings[-1],
                sorted({code for codes in case.applied for code in codes}),
                case.key_before,
                case.key_after if len(case.spellings) > 1 else case.key_before,
                list(case.refused),
                list(case.refused.values()),
            )
            for case in cases
        ],
        schema=SCHEMA,
        orient="row",
    )


def _stepped(place: int, case: _Case, edits: Sequence[Edit], level: Level, damaged: bool) -> bool:
    """`case.step`. If the proof fails with an error, the label keeps its current spelling, which is proven."""
    now_at(place)
    try:
        return case.step(edits, level, damaged)
    except BaseException as error:
        faults.caught("the proof of fixes", error, case.spellings[-1])
        case.refused = dict.fromkeys(sorted({edit.rule for edit in edits}), "failed")
        return False


def _edits(labels: Sequence[str], findings: pl.DataFrame, ruleset: Ruleset, level: Level) -> dict[int, list[Edit]]:
    """The edits that findings propose at this level, by row, without those that change nothing."""
    repairs, layout = tagged("layout-repair"), tagged("layout")
    repairing = not set(repairs).isdisjoint(ruleset.codes)
    repaired = set(findings.filter(pl.col("rule").is_in(repairs))["row"].to_list())
    found: dict[int, list[Edit]] = {}
    columns = findings.filter(pl.col("replacement").is_not_null() & pl.col("start").is_not_null())
    for row, rule, severity, actual, start, end, replacement in columns.select(
        "row", "rule", "severity", "fix", "start", "end", "replacement"
    ).iter_rows():
        if actual is None or actual == "display" or (actual == "unsafe" and level == "safe"):
            continue
        if labels[row][start:end] == replacement:
            continue
        if row in repaired and rule in layout and rule not in repairs:
            continue
        if repairing and severity == "info" and rule not in repairs and m2e_layout.is_table(labels[row]):
            continue
        found.setdefault(row, []).append(Edit(start, end, replacement, rule, actual))
    escapes = {code for code, rule in all_rules().items() if rule.family == "ESC"}.difference(layout, repairs)
    for row, codes in _rules_by_row(findings, repaired.intersection(found), escapes).items():
        found[row] = _layout_last(labels[row], found[row], codes, ruleset)
    return found


def _rules_by_row(findings: pl.DataFrame, rows: Set[int], codes: Set[str]) -> dict[int, set[str]]:
    """The rules among `codes` with findings in these rows."""
    if not rows:
        return {}
    here = findings.filter(pl.col("row").is_in(list(rows)) & pl.col("rule").is_in(list(codes)))
    by_row: dict[int, set[str]] = {}
    for row, code in here.select("row", "rule").iter_rows():
        by_row.setdefault(row, set()).add(code)
    return by_row


def _layout_last(label: str, edits: list[Edit], escapes: set[str], ruleset: Ruleset) -> list[Edit]:
    """The edits of a label whose layout can be repaired although it has other damage by escapes, found by `escapes`.

    The table is made from the label with that damage mended: a table made from the label as it is would hide it. (TAB
    and `imes`, left of `\\times`, would become a row with the letters `imes`.) Damage that none of the edits mends
    keeps the table from being made.
    """
    (repair_code,) = tagged("layout-repair")
    inner = [edit for edit in edits if edit.rule != repair_code]
    if not escapes <= {edit.rule for edit in inner}:
        return inner
    mended = apply(label, disjoint(in_order(inner, len(label)), len(label)))
    layout = ruleset.option_values(all_rules()[repair_code])["layout"]
    table = m2e_layout.repair(mended, layout)
    if table is None or table == mended:
        return inner
    others = tuple(sorted({edit.rule for edit in inner}))
    return [*inner, Edit(0, len(label), table, repair_code, "unsafe", others)]
