"""`finetune prompts`: the prompt files, the table of answers, and the command, once with a toy model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_data import make_questions

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.predictions.rows import Prediction, read_predictions
from curate.predictions.unwrap import unwrap
from finetune.cli.main import main_group
from finetune.compare.prompt_table import Asked, as_json, as_markdown, as_text, best, score_prompts, verdict
from finetune.settings.prompt_file import PROMPTS, Prompt, read_prompts
from finetune.settings.yaml_files import ready

LABELS = ["x ^ { 2 }", r"\frac { a } { b }", "a + b", r"\sqrt { x }"]


def answers(name: str, texts: list[str], seconds: float | None = 0.5, cut: int = 0) -> Asked:
    rows = [
        Prediction(f"s/test/{n}", label, text, None, seconds)
        for n, (label, text) in enumerate(zip(LABELS, texts, strict=True))
    ]
    return Asked(Prompt(name, f"Ask {name}"), rows, cut)


ASKED = [
    answers("plain", ["x^2", r"\frac{a}{b}", "a + c", r"\sqrt x"], cut=1),
    answers("page", ["```latex\nx^2\n```", r"$$\frac ab$$", "$a + b$", "<div class='formula'>$$\\sqrt x$$</div>"], 2.0),
    answers("boxes", [f'[{{"bbox_2d": [1, 2], "latex": "{text}"}}]' for text in ("x^2", "y", "z", "\\sqrt{y}")], None),
]


# Prompt files ---------------------------------------------------------------------------------------------------------


def test_every_ready_file_has_prompts_of_all_styles() -> None:
    assert ready(PROMPTS) == ["styles"]
    names = [prompt.name for prompt in read_prompts("styles")]
    assert names[0] == "plain"
    assert {"document-html", "grounding"} < set(names)


def test_a_file_of_prompts(tmp_path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("one: Read it.\ntwo: {text: ' Read it well. '}\n3: |\n  On two\n  lines.\n", encoding="utf-8")
    assert read_prompts(path) == [
        Prompt("one", "Read it."),
        Prompt("two", "Read it well."),
        Prompt("3", "On two\nlines."),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no prompts"),
        ("- a\n- b\n", "has no prompts"),
        ("a: [", "invalid YAML at line 1"),
        ("a: ''", "a has no text"),
        ("a: 3", "a has no text"),
        ("a: {txt: b}", "has the key 'txt'"),
        ("../a: b", "can't be the name of a prompt"),
        ("a: b\nA: c", "would be the same file"),
        ("a: b\na.unwrapped: c", "would be the same file"),
        ("a: b\nc: b", "have the same text"),
        ("a: b\na: c", "a is repeated"),
        ("? [a]\n: b", "found unhashable key"),
    ],
)
def test_bad_files_of_prompts(tmp_path, text, complaint) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint) as error:
        read_prompts(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_names_the_ready_ones(tmp_path) -> None:
    with pytest.raises(UserError, match="no such file; ready prompt files are: styles"):
        read_prompts(tmp_path / "none.yaml")


# The table ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    return score_prompts(ASKED, characters=True)


def test_scores_as_they_came_and_unwrapped(found) -> None:
    both = [(one.raw, one.metrics["exprate_render_equal"]) for one in found]
    # To the visual key, the dollars in the page's raw answers are outer delimiters; a fence and a div are not.
    assert both == [(None, 75), (50, 100), (0, 25)]
    assert [one.unwrapping.changed for one in found] == [0, 4, 4]
    assert found[1].unwrapping.rules == {"delimiters": 3, "fence": 1, "html": 1}
    assert [one.seconds for one in found] == [0.5, 2.0, None]
    assert [one.p for one in found] == [None, 1, 0.5]
    assert found[1].metrics["cdm"] == 100
    assert best(found).asked.prompt.name == "page"


def test_what_is_written(found) -> None:
    said = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert said["best"] == "page"
    assert [one["name"] for one in said["prompts"]] == ["plain", "page", "boxes"]
    page = said["prompts"][1]
    assert page["unwrapped"] == {"on": True, "n": 4, "rules": {"delimiters": 3, "fence": 1, "html": 1}, "raw": 50}
    assert page["metrics"]["ci"]["exprate_render_equal"] == [100, 100]
    assert said["prompts"][0]["cut"] == 1


def test_the_table_has_every_prompt_and_every_figure(found) -> None:
    table = as_text(found, 120)
    rows = {line[:24].strip(): line[24:].split("  ") for line in table.splitlines()}
    for name in ("exprate_render_equal", "exprate (canonical)", "cer (canonical)", "cdm", "parse_rate", "symbols"):
        assert sum("[" in cell for cell in rows[name]) == 3, name
    assert [cell for cell in rows["seconds a formula"] if cell] == ["0.5", "2", "–"]
    assert [cell.strip() for cell in rows["cut at the limit"] if cell] == ["1", "0", "0"]
    assert [cell.strip() for cell in rows["wrapped"] if cell] == ["0 %", "100 %", "100 %"]
    assert "best: page, 100.00 % rendered like the ground truth; against plain that may be chance (p = 1.000)" in table
    assert "taken off: page: delimiters 3, fence 1, html 1; boxes: json 4" in table
    assert max(map(len, table.splitlines())) <= 120
    assert as_markdown(found).count("\n## ") == 3


def test_the_best_of_many_is_less_sure() -> None:
    """McNemar's p is 0.031 for six more right answers: significant between two prompts, not among six."""

    def ask(name: str, right: int) -> Asked:
        return Asked(Prompt(name, name), [Prediction(str(n), "x", "x" if n < right else "y") for n in range(6)])

    assert "that is no chance (p = 0.031)" in verdict(score_prompts([ask("first", 0), ask("top", 6)]))
    assert "surely better" in verdict(score_prompts([ask("top", 6), ask("other", 0)]))
    others = [ask(f"p{n}", 0) for n in range(4)]
    assert "that may be chance (p = 0.031)" in verdict(score_prompts([ask("first", 0), ask("top", 6), *others]))
    assert "not surely better than p0, p1" in verdict(score_prompts([ask("top", 6), *others]))


def test_runaways_are_counted() -> None:
    rows = [Prediction("a", "x", "x + " * 60)]
    [scored] = score_prompts([Asked(Prompt("p", "?"), rows)])
    assert scored.metrics["runaway"]["n"] == 1
    assert "ran away" in as_text([scored], 100)


# The command ----------------------------------------------------------------------------------------------------------


def check_output(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {"prompts.json", "prompts.md"} | {
        f"{name}{ending}" for name in ("plain", "page") for ending in (".jsonl", ".jsonl.run.json", ".unwrapped.jsonl")
    }
    said = json.loads((out / "prompts.json").read_text(encoding="utf-8"))
    assert [one["metrics"]["n"] for one in said["prompts"]] == [3, 3]
    assert {"texsieve", "key_version", "model", "data", "best"} < said.keys()
    for name in ("plain", "page"):
        raw, taken = (read_predictions(out / f"{name}{ending}") for ending in (".jsonl", ".unwrapped.jsonl"))
        assert [(row.sample_id, row.gt, row.seconds) for row in raw] == [
            (row.sample_id, row.gt, row.seconds) for row in taken
        ]
        assert [unwrap(row.pred)[0].strip() for row in raw] == [row.pred.strip() for row in taken]


def test_the_command_with_a_model_that_answers_by_heart(tmp_path, monkeypatch, capsys) -> None:
    """Everything but the model: reads the data set, writes the files, and asks nothing on a second call."""
    pytest.importorskip("datasets")
    from finetune.models import load
    from finetune.predict import job
    from finetune.predict.engines import Answer

    asked = []

    def ask(asker, questions, prompt, asking, *, done=(), note=None, unopened=None):
        asked.append(prompt)
        left = "$$" if prompt.endswith("HTML") else ""
        yield [Answer(one.sample_id, one.gt, left + one.gt + left, None, 0.1, runaway=True) for one in questions]

    monkeypatch.setattr(load, "require_device", lambda _: None)
    monkeypatch.setattr(job.Asker, "load", lambda *_: (None, None))
    monkeypatch.setattr(job.Asker, "ask", ask)
    data = make_questions(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    arguments = ["prompts", str(tmp_path / "model"), str(data), "--prompts", str(tmp_path / "p.yaml")]
    for _ in range(2):
        assert run("finetune", main_group, [*arguments, "--out", str(tmp_path / "out"), "--no-cdm"]) == 0
    assert asked == ["LaTeX?", "QwenVL HTML"]
    assert "best: plain, 100.00 %" in capsys.readouterr().out
    check_output(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "prompts.json").read_text())["prompts"][0]["cut"] == 3
    assert run("finetune", main_group, [*arguments, "--no-cdm"]) == 0  # without --out, nothing is kept
    assert len(asked) == 4


@pytest.mark.finetune
def test_the_command_with_a_toy_model(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, facts = trained
    assert facts["prompts"] == 0
    assert "2 prompts, 3 formulas" in (told := (folder / "prompts" / "said.txt").read_text(encoding="utf-8"))
    assert "best: " in told
    check_output(folder / "prompts" / "out")
