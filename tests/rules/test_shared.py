"""The promises about real labels, measured on the shared label files: what `error` claims, keys, layout tokens."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import rules
from rules import Ruleset, engine

pytestmark = pytest.mark.shared_data

#: These say that a label is damaged; LaTeX may still compile it.
CERTAIN_DAMAGE = pl.col("rule").str.starts_with("NRM") | pl.col("rule").is_in(["ESC005", "SEM005"])


@pytest.fixture(scope="module")
def verdicts(shared_data: Path) -> pl.DataFrame:
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    return pl.DataFrame(
        [json.loads(line) for line in lines], schema_overrides={"latex_error": pl.String}
    ).with_row_index("row")


@pytest.fixture(scope="module")
def judged(verdicts: pl.DataFrame) -> engine.Judged:
    return engine.judge(verdicts["label"].to_list())


@pytest.fixture(scope="module")
def hme100k(shared_data: Path) -> tuple[list[str], pl.DataFrame]:
    lines = (shared_data / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()
    labels = [line.split("\t", 1)[1] for line in lines]
    return labels, rules.check(labels).filter(pl.col("severity") != "info")


def test_hardly_any_label_that_compiles_gets_an_error(verdicts, judged):
    compiles = verdicts.filter(pl.col("latex_error").is_null())
    errors = judged.findings.filter((pl.col("severity") == "error") & ~CERTAIN_DAMAGE)
    false = compiles.join(errors, on="row", how="semi")
    assert false.height <= 0.002 * compiles.height, false["label"].to_list()[:5]


def test_nearly_every_label_that_latex_rejects_gets_an_error(verdicts, judged):
    rejected = verdicts.filter(pl.col("latex_error").is_not_null())
    caught = rejected.join(judged.findings.filter(pl.col("severity") == "error"), on="row", how="semi")
    assert rejected.height > 100
    assert caught.height >= 0.97 * rejected.height


def test_few_labels_that_compile_get_a_warning(verdicts, judged):
    compiles = verdicts.filter(pl.col("latex_error").is_null())
    worse = judged.findings.filter(pl.col("severity") != "info")
    assert compiles.join(worse, on="row", how="semi").height <= 0.005 * compiles.height


def test_labels_that_compile_have_a_key(verdicts, judged):
    keys = judged.labels["visual_key"].filter(verdicts["latex_error"].is_null())
    assert keys.null_count() <= 0.02 * keys.len()


@pytest.fixture(scope="module")
def every_label(shared_data, verdicts):
    """All distinct labels of the shared files, read without running a rule."""
    hme = (shared_data / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()
    lists = ("crohme/crohme2023_train_captions.json", "mathwriting/mathwriting_valid_captions.json")
    captions = [label for name in lists for label in json.loads((shared_data / name).read_text(encoding="utf-8"))]
    normalised = pl.read_csv(shared_data / "im2latex" / "im2latex_validate.csv")["formula"].to_list()
    rows = [row.split("\t")[1] for row in hme if "\t" in row]
    labels = list(dict.fromkeys([*verdicts["label"], *rows, *captions, *normalised]))
    assert len(labels) > 70_000
    return engine.judge(labels, Ruleset(()), workers=2).labels


def test_one_form_is_one_key_and_one_key_is_one_form(every_label):
    keyed = every_label.filter(pl.col("visual_key").is_not_null())
    assert keyed["canonical"].null_count() == 0
    forms = keyed.group_by("canonical").agg(pl.col("visual_key").unique()).filter(pl.col("visual_key").list.len() > 1)
    assert forms.is_empty()
    keys = keyed.group_by("visual_key").agg(pl.col("canonical").unique()).filter(pl.col("canonical").list.len() > 1)
    assert keys.is_empty(), keys["canonical"].to_list()[:5]


def test_canonical_forms_are_their_own_and_draw_the_same(every_label):
    changed = every_label.filter(pl.col("canonical") != pl.col("label"))
    again = engine.judge(changed["canonical"].to_list(), Ruleset(()), workers=2).labels
    assert again["canonical"].to_list() == changed["canonical"].to_list()
    assert again["visual_key"].to_list() == changed["visual_key"].to_list()


def test_errors_on_hme100k_stay_on_what_is_really_wrong(hme100k):
    labels, found = hme100k
    errors = found.filter(pl.col("severity") == "error")
    assert set(errors["rule"]) <= {"SYN006", "SYN021"}  # double scripts; mathematics in \textcircled, which is text
    wrong = {labels[row][start:end] for row, start, end in errors.select("row", "start", "end").iter_rows()}
    assert wrong <= {"^", "_", "'"}
    assert errors["row"].n_unique() <= 10


def test_hme100k_labels_have_keys(hme100k):
    labels, _ = hme100k
    keys = rules.visual_key(labels[::10])
    assert keys.null_count() <= 0.001 * keys.len()


def test_the_real_m2e_row(shared_data):
    row = r'{"name": "0.jpg", "tex": "1 5 . 4 \\times 4 = 6 1 . 6 \\t 1 5 . 4 \\n \\times 4 \\n 6 1 . 6"}'
    label = json.loads(row)["tex"]
    found = rules.check([label]).filter(pl.col("severity") != "info")
    places = [
        (code, start, end, label[start:end]) for code, start, end in found.select("rule", "start", "end").iter_rows()
    ]
    assert places == [
        ("ESC002", label.index(r"\t 1"), label.index(r"\t 1") + 2, r"\t"),
        ("ESC001", label.index(r"\n"), label.index(r"\n") + 2, r"\n"),
        ("ESC001", label.rindex(r"\n"), label.rindex(r"\n") + 2, r"\n"),
    ]


@pytest.mark.parametrize(
    ("damaged", "meant"),
    [
        ("3 \times 4", r"\times"),
        ("\frac { 1 } { 2 }", r"\frac"),
        ("\rho", r"\rho"),
        ("a \neq b", r"\neq"),
        ("\beta", r"\beta"),
        ("\vec { x }", r"\vec"),
        ("\alpha", r"\alpha"),
    ],
)
def test_eaten_escapes_are_recognised_as_what_they_were(damaged, meant):
    found = rules.check([damaged], include=["ESC005"])
    assert found["replacement"].to_list() == [meant]
    start, end = found.select("start", "end").row(0)
    assert damaged[start:end] == damaged[start] + meant[2:]


def test_escapes_eaten_from_real_labels_are_found(hme100k):
    labels, _ = hme100k
    damaged = [label for label in labels[::7] if "\\frac" in label or "\\beta" in label][:300]
    eaten = [label.replace("\\f", "\f").replace("\\b", "\b") for label in damaged]
    assert not rules.check(damaged, include=["ESC005"]).height
    found = rules.check(eaten, include=["ESC005"]).filter(pl.col("severity") == "error")
    assert found["row"].n_unique() == len(eaten)
    for row, start, end, replacement in found.select("row", "start", "end", "replacement").iter_rows():
        assert replacement[2:] == eaten[row][start + 1 : end]


@pytest.fixture(scope="module")
def many(shared_data: Path, hme100k, verdicts) -> pl.DataFrame:
    """Over 50,000 distinct real labels, judged."""
    formulas = (shared_data / "im2latex" / "im2markup_sample" / "formulas.lst").read_bytes().decode("latin-1")
    distinct = {*verdicts["label"], *hme100k[0], *formulas.split("\n")}
    assert len(distinct) >= 50_000
    return engine.judge(sorted(distinct), workers=2).labels


def test_canonical_forms_of_real_labels_are_their_own_and_keep_the_key(many):
    other = many.filter(pl.col("canonical") != pl.col("label"))
    assert other.height > 3000
    again = engine.judge(other["canonical"].to_list(), workers=2).labels
    changed = other.filter(again["canonical"].ne_missing(other["canonical"]))
    assert changed.is_empty(), changed["label"].to_list()[:3]
    redrawn = other.filter(again["visual_key"].ne_missing(other["visual_key"]))
    assert redrawn.is_empty(), redrawn["label"].to_list()[:3]
    assert many.filter(pl.col("visual_key").is_not_null() & pl.col("canonical").is_null()).height <= 0.001 * many.height
