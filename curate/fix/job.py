"""Fixes one source: reads it, fixes its labels, puts them back into copies of its files, and writes the journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.base.atomic_files import new_file, new_folder
from curate.base.errors import UserError
from curate.base.leftovers import clear_away, clear_files
from curate.findings.in_documents import without_label_form
from curate.fix.files import check_format, rewrite
from curate.fix.realign import Progress, partners
from curate.predictions.readings import Readings, readings, sure_rule
from curate.sources import FORMATS, Source, SourceSpec, read_source
from curate.sources.places.output import Output
from rules import Ruleset, engine, fixing
from rules.registry import mended_by

_JOURNAL = ".journal.jsonl"
#: Reasons in words, after their number; see `rules.fixes.proof.Reason`.
WHY = {
    "changes-picture": "would change the picture",
    "no-key": "can't be proven (no visual key)",
    "not-readable": "can't be read afterwards",
    "never-done": "would never be finished",
    "failed": "could not be proven (a fault in texsieve)",
    "ended-process": "not judged: the label ended the process that read it",
    "hides-damage": "would hide an error that no rule repairs",
    "no-partner": "of shifted pairs keep their label: the picture's own label isn't known",
}


@dataclass(frozen=True)
class Fixed:
    """A source with its fixes made, not yet written.

    files: the files to write, by their path in the output folder, fixed or not. journal: a row for every sample with a
    fix, made or refused: sample_id, rules, before, after; if any were refused, `refused`, {rule: reason}; and for a
    label that was moved to its picture `label_of`, the sample that had it. applied: samples by rule code. refused:
    samples by rule code and reason. not_canonical: samples whose label is not in canonical spelling afterwards.
    """

    source: Source
    files: dict[str, Output]
    journal: list[dict[str, object]]
    applied: dict[str, int]
    refused: dict[str, dict[str, int]]
    not_canonical: int

    @property
    def changed(self) -> int:
        """How many labels have changed."""
        return sum(row["before"] != row["after"] for row in self.journal)

    def diff(self, out: Path | None) -> Iterator[bytes]:
        """A unified diff of all files, in bytes."""
        for name, file in self.files.items():
            new = file.path if out is None else out if self.is_one_file else out / name
            yield from file.diff(str(new))

    @property
    def is_one_file(self) -> bool:
        """Whether the output is a file. For a folder or several files, it is a folder."""
        return len(self.files) == 1 and not self.source.path.is_dir()


def fix_source(
    spec: SourceSpec,
    ruleset: Ruleset,
    level: fixing.Level,
    *,
    style: fixing.Style = "none",
    images: Path | None = None,
    columns: dict[str, str] | None = None,
    first_number: int | None = None,
    cache: Path | None = None,
    predictions: Sequence[Path] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> Fixed:
    """Read a source and fix its labels. At level "unsafe", labels of shifted pairs are moved to their pictures first.

    style: as for `rules.fixing.fix`; it applies to every label of the source. predictions: files of models' readings;
    those that surely contradict their labels replace them.

    images, columns, first_number: as for `read_source`. cache: where measurements of pictures are kept; None: nowhere.
    progress: called with the stage's name, how much of it is done, and how much there is.

    Raises UserError if the source can't be read, or its format can't be written back.
    """
    report = progress or (lambda stage, done, of: None)
    source = read_source(spec, images=images, columns=columns, first_number=first_number)
    check_format(source)
    if FORMATS[source.format].in_documents:
        ruleset = without_label_form(ruleset)
    rows = pl.concat([source.frame.select("sample_id", "label"), source.places], how="horizontal")
    rows = rows.with_columns(pl.col("label").alias("moved"), label_of=pl.lit(None, pl.String), left=pl.lit(False))
    if level == "unsafe":
        partner = partners(source, ruleset, cache=cache, workers=workers, progress=report)
        if partner is not None:
            rows = _moved(rows, partner)
    (contradicted,) = sure_rule()
    if predictions:
        rows = _as_read(rows, readings(source.frame, predictions, ruleset))
    else:
        rows = rows.with_columns(read=pl.lit(False))
    labels = rows["moved"].unique(maintain_order=True)
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        report("fix", done, labels.len())

    fixed = fixing.fix(labels.to_list(), ruleset, level, style=style, workers=workers, progress=count)
    rows = rows.join(fixed.rename({"label": "moved"}), on="moved", how="left", maintain_order="left")
    (realigning,) = mended_by("realign")
    rows = rows.with_columns(
        *_with(pl.col("label_of").is_not_null(), applied=realigning),
        *_with(pl.col("left"), refused=realigning, reasons="no-partner"),
    )
    rows = rows.with_columns(*_with(pl.col("read"), applied=contradicted))
    changed = rows.filter(pl.col("fixed") != pl.col("label"))
    files, written = rewrite(source, changed, columns or {})
    journal = _journal(rows, dict(zip(changed["sample_id"], written, strict=True)))
    applied = Counter(rows["applied"].explode().drop_nulls().to_list())
    by_count = sorted(applied.items(), key=lambda item: (-item[1], item[0]))
    spelled = rows["fixed"].unique(maintain_order=True)
    canonical = engine.judge(spelled.to_list(), Ruleset(()), workers=workers).labels
    others = canonical.filter(pl.col("canonical") != pl.col("label"))["label"]
    not_canonical = rows.filter(pl.col("fixed").is_in(others.implode())).height
    return Fixed(source, files, journal, dict(by_count), _refused(rows), not_canonical)


def _moved(rows: pl.DataFrame, partner: pl.Series) -> pl.DataFrame:
    """The rows with the label that belongs to their picture (`moved`), the sample that had it (`label_of`), and whether
    that isn't known (`left`). Rows whose new label would read the same are unchanged."""
    at = partner.fill_null(0)
    other = rows.select(pl.col("label").gather(at).alias("moved"), pl.col("sample_id").gather(at).alias("label_of"))
    known = partner.is_not_null()
    moves = known & (other["moved"] != rows["label"])
    return rows.with_columns(
        pl.when(moves).then(other["moved"]).otherwise("label").alias("moved"),
        pl.when(moves).then(other["label_of"]).alias("label_of"),
        left=~known,
    )


def _as_read(rows: pl.DataFrame, found: Readings) -> pl.DataFrame:
    """The rows with the readings that surely contradict their labels, except for labels that were moved.

    Raises UserError if no prediction belongs to a sample.
    """
    if found.rows and not found.matched:
        raise UserError(
            f"none of the {found.rows:,} predictions belongs to a sample of the source; name the file of this source"
        )
    sure = found.frame.filter("sure").select("sample_id", "reading")
    taken = pl.col("reading").is_not_null() & pl.col("label_of").is_null()
    return (
        rows.join(sure, on="sample_id", how="left", maintain_order="left")
        .with_columns(read=taken, moved=pl.when(taken).then("reading").otherwise("moved"))
        .drop("reading")
    )


def _with(when: pl.Expr, **first: str) -> Iterator[pl.Expr]:
    """The named list columns, with an item put first in the rows where `when` is true."""
    for column, item in first.items():
        yield pl.when(when).then(pl.concat_list(pl.lit(item), column)).otherwise(column).alias(column)


def _journal(rows: pl.DataFrame, written: dict[str, str]) -> list[dict[str, object]]:
    """A row for every sample with a fix, made or refused; `written` are the new labels as the format stores them."""
    journal = []
    told = rows.filter((pl.col("fixed") != pl.col("label")) | (pl.col("refused").list.len() > 0))
    for sample_id, codes, label, refused, reasons, label_of in told.select(
        "sample_id", "applied", "label", "refused", "reasons", "label_of"
    ).iter_rows():
        row: dict[str, object] = {"sample_id": sample_id, "rules": codes, "before": label}
        row["after"] = written.get(sample_id, label)
        if label_of is not None:
            row["label_of"] = label_of
        if refused:
            row["refused"] = dict(zip(refused, reasons, strict=True))
        journal.append(row)
    return journal


def _refused(rows: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Samples by rule and reason, the most frequent first."""
    pairs = rows.select("refused", "reasons").explode("refused", "reasons").drop_nulls()
    found: dict[str, dict[str, int]] = {}
    counted = (
        pairs.group_by("refused", "reasons").len().sort("len", "refused", "reasons", descending=[True, False, False])
    )
    for code, reason, number in counted.iter_rows():
        found.setdefault(code, {})[reason] = number
    return found


# Writing --------------------------------------------------------------------------------------------------------------


def journal_of(out: Path) -> Path:
    """The path of an output's journal, which is beside it."""
    return out.parent / f"{out.name}{_JOURNAL}"  # `with_name` fails for `.` and `/`


def check_out(out: Path) -> None:
    """Raises UserError if the output or its journal already exists: nothing is ever overwritten.

    A `curate fix` that is stopped between the two leaves only a journal; `write` checks whether it is its own.
    """
    journal = journal_of(out)
    for path in (out, journal):
        clear_files(path)
    clear_away(out)
    is_out = out.exists() or out.is_symlink()
    for path, there in ((out, is_out), (journal, journal.exists() or journal.is_symlink())):
        if there and not (path == journal and not is_out and path.is_file()):
            raise _already_there(path)


def _already_there(path: Path) -> UserError:
    return UserError(f"{path}: already exists; curate fix overwrites nothing, so name another file with --out")


def write(fixed: Fixed, out: Path) -> None:
    """Write the fixed files and the journal beside them; the output appears last, and never without its journal.

    `out` is a file if the source is one file of labels, else a folder with the label files under their own names.
    Raises UserError if something is already there, except for a journal with the same content.
    """
    check_out(out)
    journal = journal_of(out)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in fixed.journal).encode()
    if journal.exists() and journal.read_bytes() != text:
        raise _already_there(journal)
    try:
        with ExitStack() as stack:
            if fixed.is_one_file:
                # Compression depends on the file's final name.
                (file,) = fixed.files.values()
                file.write_as(stack.enter_context(new_file(out)), compressed=out.name.endswith(".gz"))
            else:
                folder = stack.enter_context(new_folder(out))
                for name, file in fixed.files.items():
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.write_as(target, compressed=name.endswith(".gz"))
            with new_file(journal) as temporary:
                temporary.write_bytes(text)
    except BaseException:
        if not out.exists():
            journal.unlink(missing_ok=True)
        raise


def report_lines(fixed: Fixed, width: int, style: fixing.Style = "none", *, written: bool = True) -> list[str]:
    """Lines for a person: the fixes made, or to be made, by rule; without `style`, how many labels it would change."""
    from curate.base.tables import Column, count, text_table, things
    from rules.registry import all_rules

    catalogue = all_rules()
    codes = dict.fromkeys([*fixed.applied, *fixed.refused])
    columns = (
        Column("rule"),
        Column("name", drop=1),
        Column("fixed", "right"),
        Column("refused", "right"),
        Column("why", drop=2),
    )
    rows = []
    for code in codes:
        why = fixed.refused.get(code, {})
        reasons = ", ".join(f"{count(number)} {WHY[reason]}" for reason, number in why.items())
        number = sum(why.values())
        rows.append([code, catalogue[code].name, count(fixed.applied.get(code, 0)), count(number), reasons])
    lines = [text_table(columns, rows, width=width), ""] if rows else []
    total = fixed.source.frame.height
    lines.append(f"{count(fixed.changed)} of {count(total)} labels {'changed' if written else 'would change'}")
    if fixed.refused:
        named = "; the journal names the labels" if written else ""
        lines.append(f"Refused fixes are not made, and their findings stay{named}.")
    if fixed.not_canonical and style == "none":
        lines.append(
            f"{things(fixed.not_canonical, 'label')} could be written in canonical spelling, which changes no picture; "
            "--style canonical does it"
        )
    if fixed.source.unreadable.total:
        lines.append(f"{count(fixed.source.unreadable.total)} rows could not be read and stay as they are")
    return lines
