r"""What models write around a formula is removed, and a bare formula is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.base.terminal import run
from curate.predictions import unwrap as unwrapping
from curate.predictions.rows import Prediction
from curate.predictions.unwrap import RULES, unwrap, unwrap_rows
from finetune.cli.main import main_group

F = r"\frac{a}{b} + \text{if $x$}"


@pytest.mark.parametrize(
    ("answer", "formula", "rules"),
    [
        # Fences.
        (f"```latex\n{F}\n```", F, ["fence"]),
        (f"```\n{F}\n```", F, ["fence"]),
        (f"```latex\n{F}", F, ["fence"]),  # cut off before its end
        (f"```latex {F}```", F, ["fence"]),
        (f"```math\n{F}```", F, ["fence"]),
        (f"Here is the code:\n```tex\n{F}\n```\nHope it helps.", F, ["fence"]),
        (f"```python\nprint(1)\n```\n```latex\n{F}\n```", F, ["fence"]),
        (f"~~~latex\n{F}\n~~~", F, ["fence"]),
        # Delimiters.
        (f"$${F}$$", F, ["delimiters"]),
        (f"\\[ {F} \\]", F, ["delimiters"]),
        (f"\\({F}\\)", F, ["delimiters"]),
        ("$x^2$", "x^2", ["delimiters"]),
        (r"\begin{equation*} x \end{equation*}", "x", ["delimiters"]),
        (r"$$x$$" + "\n" + r"$$y$$", r"x \\ y", ["delimiters"]),
        ("The image shows $x^2$.", "x^2", ["delimiters"]),
        ("$$x^2 + 1", "x^2 + 1", ["delimiters"]),  # cut off before its end
        (f"```latex\n$$\n{F}\n$$\n```", F, ["fence", "delimiters"]),
        # A whole document.
        (
            "```latex\n\\documentclass{article}\n\\begin{document}\n\\begin{align*}x&=1\\end{align*}\n\\end{document}\n```",
            r"\begin{align*}x&=1\end{align*}",
            ["fence", "delimiters"],
        ),
        (r"\documentclass{a} \begin{document} \[ x \] \end{document}", "x", ["delimiters"]),
        (r"\documentclass{a} \begin{document} x^2", "x^2", ["delimiters"]),  # cut off before its end
        # A sentence in front, markdown around it.
        (f"The LaTeX code of the formula is: {F}", F, ["sentence"]),
        (f"Sure! Here is it:\n\n{F}", F, ["sentence"]),
        ("LaTeX: `x^2`", "x^2", ["sentence", "markdown"]),
        ("**x^2**", "x^2", ["markdown"]),
        # Grounding: boxes, JSON.
        ('```json\n[{"bbox_2d": [1, 2, 30, 40], "latex": "\\\\frac{a}{b}"}]\n```', r"\frac{a}{b}", ["fence", "json"]),
        (
            '[{"bbox_2d": [1, 2, 3, 4], "label": "\\frac{a}{b} \\nu \\{ \\times"}]',
            r"\frac{a}{b} \nu \{ \times",
            ["json"],
        ),
        ('{"bbox_2d": [1, 2], "label": "formula", "text_content": "$x \\\\le 1$"}', r"x \le 1", ["json", "delimiters"]),
        # If the label of a box names a type of object, it is not a reading.
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "formula"}]', '[{"bbox_2d": [1, 2, 3, 4], "label": "formula"}]', []),
        ('[{"bbox": [1, 2], "label": "table cell"}, {"bbox": [3, 4], "label": "x=1"}]', "x=1", ["json"]),
        ('{"elements": [{"LaTeX": "x"}, {"LaTeX": "y"}]}', r"x \\ y", ["json"]),
        ("<|object_ref_start|>x^2<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>", "x^2", ["places"]),
        ("<ref>x^2</ref><box>(1,2),(3,4)</box>", "x^2", ["places"]),
        ("<think>A sum, $y$.</think>\nx^2", "x^2", ["places"]),
        # Document parsing.
        (
            '<html><body><div class="formula" data-bbox="1 2 3 4"><img data-bbox="1 2 3 4"/><span>$$a &lt; b$$</span>'
            "</div></body></html>",
            "a < b",
            ["html", "delimiters"],
        ),
        ("<p>x^2</p>", "x^2", ["html"]),
        ('<div class="text">Proof</div><div class="formula">x</div><div class="formula">y</div>', r"x \\ y", ["html"]),
        ("<formula>x^2</formula>", "x^2", ["html"]),
        (f"# Result\n\n$${F}$$\n\nas is seen.", F, ["delimiters"]),
    ],
)
def test_what_is_taken_away(answer, formula, rules) -> None:
    assert unwrap(answer) == (formula, tuple(rules))
    assert unwrap(formula)[0] == formula


@pytest.mark.parametrize(
    "label",
    [
        F,
        "a < b > c",
        "2<B^2> + <i>",
        r"x \text{ for } y : z",
        "f : A \\to B",
        "[0, 1]",
        r"[ a , b ] = \{ x \mid a \le x \}",
        r"\left[ x \right]",
        r"{ a \over b }",
        r"\begin{array}{c} a \\ b \end{array}",
        r"\begin{aligned} a \\[2pt] b \end{aligned} \]",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"x ^ { \prime \prime } = 5 \$",
        "p < q, r > s",
        r"\text{the formula : } $$",
        "a ** b ** c",
        "$a$ and $b$",
        "",
        " ",
    ],
)
def test_a_bare_formula_stays(label) -> None:
    assert unwrap(label)[1] == ()
    assert unwrap(label)[0].strip() == label.strip()


@given(st.text(alphabet=r'\{}[]$`*"<>/: abfrcx^_1' + "\n", max_size=60))
def test_any_text_gives_a_text_and_never_nothing_for_something(text) -> None:
    formula, rules = unwrap(text)
    assert bool(formula.strip()) == bool(text.strip())
    assert set(rules) <= RULES.keys()
    assert len(formula) <= 6 * len(text) + 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unwrapping, "_MARKS", ("",))  # the quick check for possible wrappers misses nothing
        assert unwrap(text) == (formula, rules)


def test_what_stands_around_the_truth_too_stays() -> None:
    rows = [Prediction("1", "$x$", "```\n$x$\n```"), Prediction("2", "x", "$x$"), Prediction("3", "x", " x ")]
    new, by_rule, changed = unwrap_rows(rows)
    assert [row.pred for row in new] == ["$x$", "x", " x "]
    assert (by_rule, changed) == ({"fence": 1, "delimiters": 1}, 2)


def test_a_model_that_unlearnt_fences_learnt_nothing(tmp_path, capsys) -> None:
    """300 answers, the same before and after except for the fences around the first: no difference, with the reason."""
    rows = [
        {"sample_id": f"{n}", "gt": f"x ^ {{ {n} }}", "pred": f"x^{{{n if n % 10 else n + 1}}}"} for n in range(1, 301)
    ]
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    fenced = [{**row, "pred": f"```latex\n{row['pred']}\n```"} for row in rows]
    for path, some in ((before, fenced), (after, rows)):
        path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    page = ["compare", str(before), str(after), "--out", str(tmp_path / "page.html"), "--no-cdm"]
    assert run("finetune", main_group, page) == 0
    told = capsys.readouterr().out
    assert told.startswith("No sure difference between before.jsonl and after.jsonl\n")
    at = next(n for n, line in enumerate(told.splitlines()) if line.startswith("exprate_render_equal"))
    first, came = (line.split() for line in told.splitlines()[at : at + 2])
    assert first[:6] == ["exprate_render_equal", "90.0", "%", "90.0", "%", "+0.0"]
    assert came[-4:] == ["0.0", "%", "90.0", "%"]
    assert "before.jsonl: 300 of 300 answers were unwrapped (fence 300); as they came" in told
    out = tmp_path / "scores"
    assert run("finetune", main_group, ["evaluate", str(before), "--no-cdm", "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["unwrapped"] == {"on": True, "n": 300, "rules": {"fence": 300}, "raw": 0.0}


def test_evaluate_says_what_is_wrapped_and_takes_it_off(tmp_path, capsys) -> None:
    """A base model that answers in fences is not wrong on all samples."""
    path = tmp_path / "p.jsonl"
    rows = [{"sample_id": f"{n}", "gt": f"x ^ {n}", "pred": f"```latex\nx^{n}\n```"} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for flags, figure, said in (
        (["--no-unwrap"], " 0.0000 %", "5 of 5 answers are wrapped (fence 5), which counts as wrong"),
        ([], "100.0000 %", "5 of 5 answers were unwrapped (fence 5); as they came: exprate_render_equal 0.00 %"),
    ):
        assert run("finetune", main_group, ["evaluate", str(path), "--no-cdm", *flags]) == 0
        told = capsys.readouterr().out
        assert said in told
        assert figure in next(line for line in told.splitlines() if line.startswith("exprate_render_equal"))
        page = ["compare", str(path), str(path), "--out", str(tmp_path / "page.html"), "--no-cdm", *flags]
        assert run("finetune", main_group, page) == 0
        told = capsys.readouterr().out
        assert all(f"p.jsonl ({number}): {said}" in told for number in (1, 2))
        assert ("answers as they came" in told) == (not flags)
        assert ("answers as they came" in (tmp_path / "page.html").read_text(encoding="utf-8")) == (not flags)


@pytest.mark.shared_data
def test_labels_of_real_sets_are_left_alone(shared_data) -> None:
    """What is removed from a label without delimiters would also be removed from a right answer."""
    rows = [json.loads(line) for line in (shared_data / "latex_verdicts.jsonl").open(encoding="utf-8")]
    changed = [row["label"] for row in rows if unwrap(row["label"])[0].split() != row["label"].split()]
    outer = [label for label in changed if "$" not in label and "\\begin{equation" not in label and "\\[" not in label]
    assert not outer
