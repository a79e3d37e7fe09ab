"""Reading prediction files: every layout, and for every bad file an error that names the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.predictions.rows import Prediction, read_predictions
from finetune.cli.main import main_group

GOOD = '{"sample_id": "1", "gt": "a", "pred": "b"}'


def write(tmp_path: Path, data: str | bytes) -> Path:
    path = tmp_path / "pred.jsonl"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_json_lines_with_everything(tmp_path: Path) -> None:
    row = {"sample_id": "s/1", "gt": "a", "pred": "", "image": "1.png", "seconds": 2, "score": -0.5, "more": [1]}
    assert read_predictions(write(tmp_path, json.dumps(row))) == [Prediction("s/1", "a", "", "1.png", 2.0, -0.5)]


def test_img_id_numbers_and_nulls(tmp_path: Path) -> None:
    row = {"img_id": 7, "gt": "a", "pred": "b", "image": None, "image_path": "x/7.png", "seconds": None}
    assert read_predictions(write(tmp_path, json.dumps(row))) == [Prediction("7", "a", "b", "x/7.png")]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        # LLaMA-Factory's generated_predictions.jsonl
        ({"prompt": "user\n?", "predict": "b", "label": "a"}, Prediction("row 1", "a", "b")),
        # ms-swift's infer
        (
            {"response": "b", "labels": "a", "logprobs": None, "images": [{"bytes": None, "path": "x/1.png"}]},
            Prediction("row 1", "a", "b", "x/1.png"),
        ),
        ({"response": "b", "labels": "a", "images": ["x/1.png"]}, Prediction("row 1", "a", "b", "x/1.png")),
        # CDM, OmniDocBench
        ({"img_id": "1", "gt": "a", "pred": "b", "CDM": {"F1_score": 1.0}}, Prediction("1", "a", "b")),
        # a null answer is an empty answer
        ({"sample_id": "1", "gt": "a", "pred": None}, Prediction("1", "a", "")),
    ],
)
def test_files_of_other_programs(tmp_path: Path, row: dict, wanted: Prediction) -> None:
    assert read_predictions(write(tmp_path, json.dumps(row))) == [wanted]


def test_other_names_are_given(tmp_path: Path) -> None:
    path = write(tmp_path, '{"file": "1.png", "latex": "a", "gt": "c", "mine": "b"}')
    columns = {"id": "file", "gt": "latex", "pred": "mine"}
    assert read_predictions(path, columns) == [Prediction("1.png", "a", "b")]


def test_a_json_list_is_read_like_lines(tmp_path: Path) -> None:
    rows = [{"img_id": str(n), "gt": "a", "pred": "b"} for n in range(3)]
    listed = read_predictions(write(tmp_path, " \n" + json.dumps(rows, indent=1)))
    assert listed == read_predictions(write(tmp_path, "\n".join(map(json.dumps, rows))))
    assert [row.sample_id for row in listed] == ["0", "1", "2"]


def test_bom_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    assert len(read_predictions(write(tmp_path, f"\ufeff{GOOD}\r\n\r\n  \n"))) == 1


def test_line_separators_inside_strings_end_no_row(tmp_path: Path) -> None:
    text = '{"sample_id": "1", "gt": "a\u2028b", "pred": "a\u0085\u000bb"}'.replace("\u000b", "\\u000b")
    row = read_predictions(write(tmp_path, text))[0]
    assert (row.gt, row.pred) == ("a\u2028b", "a\u0085\u000bb")


def test_escapes_are_decoded_exactly_once(tmp_path: Path) -> None:
    rows = read_predictions(write(tmp_path, r'{"sample_id": "1", "gt": "\\times \\\\ b", "pred": "\times"}'))
    assert (rows[0].gt, rows[0].pred) == (r"\times \\ b", "\times")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "holds no predictions"),
        (" \n\n", "holds no predictions"),
        ("[]", "holds no predictions"),
        (f"{GOOD}\n{{", "line 2 is not JSON: .*column 2"),
        (
            "sample_id,gt,pred\n1,a,b\n",
            "line 1 is not JSON: .*; a prediction file is JSON lines, or one JSON list, of",
        ),
        (
            '{"rows": [\n1]}',
            "line 1 is not JSON: .*; a prediction file is JSON lines, or one JSON list, of",
        ),
        (f"{GOOD}\n\nnull", "line 3 is not a JSON object"),
        (f"[{GOOD}, 3]", "item 2 is not a JSON object"),
        (f"[{GOOD},\n {GOOD[:20]}", "is not a JSON list: .* line 2, column"),
        (f"[{GOOD}]\n{GOOD}", "is not a JSON list: Extra data at line 2"),
        ('{"sample_id": "1", "pred": "b"}', "line 1 has no gt .tried gt, label, .*; name it with --columns gt:KEY"),
        ('{"sample_id": "1", "gt": "b"}', "line 1 has no pred .tried pred, .*; name it with --columns pred:KEY"),
        ('{"sample_id": "1", "gt": null, "pred": "b"}', "line 1: gt is null, not a string"),
        ('{"sample_id": "1", "gt": "b", "pred": 3}', "line 1: pred is 3, not a string"),
        ('{"sample_id": "1", "gt": ["b"], "pred": ""}', r'line 1: gt is \["b"\], not a string'),
        ('{"sample_id": true, "gt": "b", "pred": ""}', "line 1: sample_id is true, not a string"),
        ('{"img_id": null, "gt": "b", "pred": ""}', "line 1: img_id is null, not a string"),
        (GOOD[:-1] + ', "image": 3}', "line 1: image is 3, not a string"),
        (GOOD[:-1] + ', "seconds": "3"}', 'line 1: seconds is "3", not a number'),
        (GOOD[:-1] + ', "score": true}', "line 1: score is true, not a number"),
        (GOOD[:-1] + ', "score": NaN}', "line 1: score is not a finite number"),
        (GOOD[:-1] + f', "score": 1{"0" * 400}}}', "line 1: score is not a finite number"),
        (GOOD[:-1] + f', "score": 1{"0" * 5000}}}', "line 1 is not JSON"),
        (GOOD[:-1] + f', "more": {"[" * 100_000}}}', "line 1 is not JSON"),
        ('{"sample_id": "1", "gt": "\\ud800", "pred": ""}', "line 1: gt holds half of a surrogate pair"),
        (f"{GOOD}\n{GOOD}", 'line 2 has the id "1" of line 1; ids must be unique'),
        (f"[{GOOD}, {GOOD}]", 'item 2 has the id "1" of item 1'),
        (f"{GOOD}\n{GOOD}\0".encode(), "line 2 holds a NUL byte"),
        (GOOD.encode("utf-16"), "line 1 holds a NUL byte"),
        (f'{GOOD}\n{{"sample_id": "é'.encode("latin-1"), r"line 2 is not valid UTF-8 \(byte 16\)"),
    ],
)
def test_a_bad_row_is_one_error_that_names_its_place(tmp_path: Path, data: str | bytes, says: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(UserError, match=says) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).replace(str(path), "")) < 200


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_predictions(tmp_path / "none.jsonl")
    write(tmp_path, GOOD)
    with pytest.raises(UserError, match=r"is a folder; name the prediction file in it \(pred.jsonl\)"):
        read_predictions(tmp_path)


def test_a_hostile_value_can_t_drive_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_predictions(write(tmp_path, '{"sample_id": "1", "gt": ["\\u001b[2J\u202e"], "pred": ""}'))
    assert str(caught.value).isascii() or "\u202e" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_evaluate_takes_other_names_and_counts_answers_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"latex": "x", "mine": "x"}, {"latex": "y", "mine": None}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)))
    columns = ["--columns", "gt:latex, pred:mine"]
    assert run("finetune", main_group, ["evaluate", str(path), "--no-cdm", *columns]) == 0
    told = capsys.readouterr().out
    assert "exprate_render_equal   50.0000 %" in told
    assert "1 of 2 answers (50 %) is missing (null or empty) and counts as wrong" in told
    assert run("finetune", main_group, ["evaluate", str(path), "--columns", "truth:latex"]) == 2
    assert "'truth:latex' is not ROLE:KEY with ROLE one of id, gt, pred, image" in capsys.readouterr().err
