"""A rule is one declaration: it is checked, others find rules by tag, and no code is used twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import rules
from curate.images.opening import MEASURED
from curate.pairs import PAIR_COLUMNS
from curate.pairs.orphans import ORPHANS
from curate.predictions.contradicted import PREDICTED
from curate.runs.folder import SAMPLES
from rules import registry
from rules.registry import SelectionError, all_rules, mended_by, not_judged, rule, samples_rule, tagged
from rules.score import scores
from rules.selection import select
from rules.vocabulary import MENDERS, RETIRED, SAMPLE_COLUMNS, TAGS

ROOT = Path(rules.__file__).resolve().parents[1]
OF_SAMPLES = [rule for rule in all_rules().values() if rule.scope == "samples"]


def _declare(code: str, name: str, **more: object) -> None:
    rule(code, name, "info", pl.lit(True), **more)(lambda label, options: iter(()))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_RULES", dict(all_rules()))


# Codes and names ------------------------------------------------------------------------------------------------------


def test_a_code_and_a_name_are_taken_once():
    with pytest.raises(ValueError, match="SYN001 unbalanced-brace already has that code or name"):
        _declare("SYN001", "another-name")
    with pytest.raises(ValueError, match="SYN001 unbalanced-brace already has that code or name"):
        _declare("SYN099", "unbalanced-brace")
    _declare("SYN099", "another-name")


@pytest.mark.parametrize("given", [{"fix": "safe"}, {"fix_kind": "style"}])
def test_a_fix_says_what_it_is_for(given):
    with pytest.raises(ValueError, match="SYN099: `fix` and `fix_kind` must be given together"):
        _declare("SYN099", "another-name", **given)
    _declare("SYN099", "another-name", fix="safe", fix_kind="repair")


@pytest.mark.parametrize("gone", RETIRED, ids=[gone.code for gone in RETIRED])
def test_a_retired_code_or_name_is_not_taken_again(gone):
    assert gone.code not in all_rules()
    assert gone.name not in {rule.name for rule in all_rules().values()}
    for code, name in ((gone.code, "another-name"), ("SYN099", gone.name)):
        with pytest.raises(
            ValueError, match=f"{gone.code} {gone.name} is retired, and its code and name can't be used again"
        ):
            _declare(code, name)


@pytest.mark.parametrize("gone", RETIRED, ids=[gone.code for gone in RETIRED])
def test_asking_for_a_retired_rule_says_what_to_use_instead(gone):
    for name in (gone.code, gone.code.lower(), gone.name):
        for ask in (
            lambda name: select([name]),
            lambda name: select(ignore=[name]),
            lambda name: select(severities={name: "info"}),
        ):
            with pytest.raises(SelectionError) as raised:
                ask(name)
            message = str(raised.value)
            assert message.startswith(f"{gone.code} {gone.name} has been retired since {gone.since}: ")
            assert message.endswith(f"; use {gone.instead}")
            assert "\n" not in message
    code, name = gone.instead.split()
    assert all_rules()[code].name == name


def test_the_only_code_given_up_so_far_is_retired():
    assert {gone.code for gone in RETIRED} == {"CAN101"}


# Declared facts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tags": ["layuot"]}, "unknown tag 'layuot'; choose from not-judged"),
        ({"mended_by": "prayer"}, "unknown mender 'prayer'; choose from layout"),
        ({"weight": 1.5}, "weight 1.5 is not between 0 and 1"),
        ({"proof": lambda text, edits: True}, "a proof without a fix"),
    ],
)
def test_a_declaration_out_of_the_closed_sets_is_refused(more, said):
    with pytest.raises(ValueError, match=said):
        _declare("SYN099", "another-name", **more)
    assert "SYN099" not in registry._RULES


def test_a_column_that_samples_don_t_have_is_refused():
    with pytest.raises(ValueError, match="unknown column of samples 'widht'; choose from source, split"):
        samples_rule("IMG099", "another-name", "info", columns=["width", "widht"])(lambda samples, options: samples)


def test_every_tag_mender_and_column_is_used():
    assert all(tagged(tag) for tag in TAGS)
    assert all(mended_by(mender) for mender in MENDERS)
    known = {"source", "image_phash"}  # rules work without them, or they are always there
    assert set(SAMPLE_COLUMNS) - known == {column for rule in OF_SAMPLES for column in rule.columns}
    with pytest.raises(ValueError, match="unknown tag 'layuot'"):
        tagged("layuot")


def test_two_tags_belong_to_one_rule_each():
    assert not_judged().code in tagged("not-judged", "unscored")
    assert (len(tagged("not-judged")), len(tagged("layout-repair"))) == (1, 1)
    assert set(tagged("layout-repair")) < set(tagged("layout"))


def test_the_columns_are_those_that_an_audit_makes():
    made = {**{f"image_{name}" if name == "error" else name: kind for name, kind in MEASURED.items()}, **SAMPLES}
    made |= {**PAIR_COLUMNS, **ORPHANS, **PREDICTED}
    made |= dict.fromkeys(("source_licence", "source_path"), pl.String)
    made |= dict.fromkeys(("against_labels", "against_images"), pl.List(pl.String))
    assert {name: column.dtype for name, column in SAMPLE_COLUMNS.items()} == {
        name: made[name] for name in SAMPLE_COLUMNS
    }


@pytest.mark.parametrize("rule", OF_SAMPLES, ids=lambda rule: rule.code)
def test_a_rule_does_with_the_columns_it_declares_and_has_nothing_to_say_without_one(rule):
    kinds = {name: SAMPLE_COLUMNS[name].dtype for name in rule.columns}
    label = ["x + 1", "y", "x + 1", r"\phi \varphi"] * 10
    base = pl.DataFrame({"sample_id": [f"a/{n}" for n in range(40)], "source": "a", "label": label, "canonical": label})
    base = base.with_columns(visual_key="label", n_tokens=pl.lit(12, pl.Int32))
    samples = base.with_columns(_filled(name, kind) for name, kind in kinds.items())
    assert rule.judge(samples, rule.options).columns == ["sample_id", "source", "message"]
    for column in rule.columns:
        try:
            found = rule.judge(samples.drop(column), rule.options)
        except pl.exceptions.ColumnNotFoundError:
            continue  # nobody asks the rule then
        assert not found.height, column


def _filled(name: str, kind: pl.DataType) -> pl.Expr:
    """A column that is bad enough for the rules that read it."""
    if name == "split":
        return pl.Series(name, (["train"] * 20 + ["test"] * 20))  # type: ignore[return-value]
    if name == "image_error":
        return pl.lit("no such file", pl.String).alias(name)
    if isinstance(kind, pl.List):
        return pl.lit(None, kind).alias(name) if name == "pair_lags" else pl.lit(["b"], kind).alias(name)
    if kind == pl.String:
        return pl.lit("light", pl.String).alias(name)
    return pl.lit(True if kind == pl.Boolean else 3, kind).alias(name)


# No lists in other places ---------------------------------------------------------------------------------------------


def _modules(*folders: str, holding: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules whose text contains the regular expression: only they need parsing."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if re.search(holding, text):
                yield path.relative_to(ROOT).as_posix(), ast.parse(text)


def _named(texts: str, free: tuple[str, ...], *folders: str) -> set[tuple[str, str]]:
    """Modules and their string constants that match the regular expression. free: modules that may have some."""
    return {
        (name, node.value)
        for name, tree in _modules(*folders, holding=texts)
        if not name.startswith(free)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(texts, node.value)
    }


def test_no_module_but_a_rule_s_own_names_a_code():
    free = ("rules/families/", "rules/vocabulary.py", "curate/demo/")  # the demo plants faults for the rules
    assert not _named(r"[A-Z]{3}\d{3}", free, "rules", "curate", "finetune")


def test_no_module_of_curate_picks_rules_by_name():
    names = "|".join(re.escape(rule.name) for rule in all_rules().values() if "-" in rule.name)
    assert not _named(names, ("curate/demo/",), "curate")
    assert _named(names, (), "curate/demo")


def test_nothing_in_rules_imports_a_family_but_families_and_what_discovers_them():
    importing = {
        name
        for name, tree in _modules("rules", holding="rules.families")
        if not name.startswith("rules/families/")
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rules.families"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("rules.families") for alias in node.names))
    }
    assert importing == {"rules/registry.py"}


# Declared weights -----------------------------------------------------------------------------------------------------


def test_a_declared_weight_counts_for_remarks_alone():
    weights = rules.Weights().remarks
    assert weights == {code: rule.weight for code, rule in all_rules().items() if rule.weight is not None}
    codes = sorted(weights)[:1]
    found = pl.DataFrame({"row": [0, 1], "rule": codes * 2, "severity": ["info", "warning"]})
    assert scores(found, "row")["score"].to_list() == [1 - weights[codes[0]], 0.75]
