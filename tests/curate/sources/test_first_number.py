"""Evidence decides which line the first number means; if numbers are ambiguous, images decide, or the user is asked."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from layout_makers import texteller
from source_makers import image, images, labels, read, write

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group
from curate.fix.job import fix_source
from curate.render import render_many
from curate.sources import Source, parse_first_number, parse_source
from curate.sources.numbering import Numbered, first_number
from rules import select

#: Labels of different shapes, so that pictures tell them apart.
_TEXTS = [
    label
    for n in range(6)
    for label in (
        "x" + " + y" * n,
        rf"\frac {{ a }} {{ b }} {' c' * n}",
        rf"\sum _ {{ i = {n} }} ^ {{ n }} {' x' * n}",
        rf"\begin{{matrix}} {n} \\ 1 \\ {n} \end{{matrix}}",
        rf"\sqrt {{ x {'+ 1' * n} }}",
    )
]


@cache
def _pictures() -> list[bytes]:
    drawn = [png for _, png in render_many(_TEXTS)]
    assert all(isinstance(png, bytes) for png in drawn)
    return drawn  # type: ignore[return-value]


def _blank(folder: Path, numbers: range | list[int], lines: int, *, digits: int = 0) -> Path:
    for number in numbers:
        image(folder / "images" / f"{number:0{digits}d}.png")
    write(folder / "labels.txt", "".join(f"x_{{{n}}}\n" for n in range(lines)))
    return folder


def _pairs(source: Source) -> list[tuple[str | None, str]]:
    return list(zip(images(source), labels(source), strict=True))


def _first(source: Source) -> str:
    (note,) = [note for note in source.notes if note.startswith("rows paired by number")]
    return note.removeprefix("rows paired by number; line 1 is number ")


@pytest.mark.parametrize(
    ("numbers", "lines", "first", "why"),
    [
        (range(9), 9, 0, "there is a number 0"),
        (range(4), 9, 0, "there is a number 0"),
        (range(1, 10), 9, 1, "the highest number is the number of lines"),
        ([2, 5, 9], 9, 1, "the highest number is the number of lines"),
        ([9], 9, 1, "the highest number is the number of lines"),
        ([0], 1, 0, "there is a number 0"),
        ([1], 1, 1, "the highest number is the number of lines"),
    ],
)
def test_numbers_against_the_count_of_lines(numbers: range, lines: int, first: int, why: str, tmp_path: Path) -> None:
    source = read(_blank(tmp_path, numbers, lines))
    assert _first(source) == f"{first}: {why}"
    assert _pairs(source) == [(f"images/{n + first}.png", f"x_{{{n}}}") for n in range(lines)]


def test_blank_lines_at_the_end_are_no_lines(tmp_path: Path) -> None:
    _blank(tmp_path, range(1, 10), 9)
    with (tmp_path / "labels.txt").open("a") as file:
        file.write("\n \n\n")
    assert _first(read(tmp_path)).startswith("1: the highest number")


def test_seven_digits_are_counted_from_0(tmp_path: Path) -> None:
    assert _first(read(_blank(tmp_path, [3, 5], 9, digits=7))) == "0: names of seven digits, which count from 0"


#: Without 0 and 9, either the first line or the last one lacks its picture, whichever way one counts.
@pytest.mark.parametrize("numbers", [[3, 5], range(10), range(1, 9), [8], range(1, 20)])
def test_without_evidence_it_is_an_error_that_names_the_option(numbers: list[int], tmp_path: Path) -> None:
    _blank(tmp_path, numbers, 9)
    with pytest.raises(UserError, match=r"say which with --first-number 0 or --first-number 1; ") as error:
        read(tmp_path)
    alone = str(error.value).rpartition(" ")[2]
    assert (alone, images(read(alone))) == (f"text:{tmp_path / 'labels.txt'}", [None] * 9)
    source = read(tmp_path, first_number=1)
    assert _first(source) == "1: given with --first-number"
    assert images(source)[0] == "images/1.png"


# A text before the number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["img_{}.png", "formula_{:03d}.png", "eq-{:04d}.jpg", "2014_eq{}.bmp", "Bild {}.PNG"])
@pytest.mark.parametrize("folder", ["images", ".", "labels"])
def test_the_same_text_may_stand_before_all_numbers(form: str, folder: str, tmp_path: Path) -> None:
    names = {n: image(tmp_path / folder / form.format(n)).relative_to(tmp_path).as_posix() for n in range(1, 10)}
    write(tmp_path / "labels.txt", "".join(f"x_{{{n}}}\n" for n in range(1, 10)))
    source = read(tmp_path)
    assert source.format == "unimer"
    assert _pairs(source) == [(names[n], f"x_{{{n}}}") for n in range(1, 10)]
    (tmp_path / names[4]).unlink()  # the name where it would be
    missing = read(tmp_path).frame.filter(label="x_{4}")["image"].item()
    assert missing.lower() == names[4].lower()
    (tmp_path / names[9]).unlink()
    with pytest.raises(UserError, match=r"numbered 1 to 8 and there are 9 lines, .* --first-number 0"):
        read(tmp_path)


def test_seven_digits_after_a_text_are_nobodys_habit(tmp_path: Path) -> None:
    for n in range(1, 8):
        image(tmp_path / "images" / f"img_{n:07d}.png")
    write(tmp_path / "labels.txt", "x\n" * 9)
    with pytest.raises(UserError, match="--first-number 0"):
        read(tmp_path)


def test_few_pictures_with_a_text_before_the_number_are_not_the_lines(tmp_path: Path) -> None:
    """Whoever has a file of labels may have `figure_1.png` beside it."""
    for n in range(4):
        image(tmp_path / f"figure_{n}.png")
    write(tmp_path / "labels.txt", "".join(f"x_{n}\n" for n in range(9)))
    assert read(tmp_path / "labels.txt").format == "text"
    with pytest.raises(UserError, match="no known format"):
        read(tmp_path)
    assert images(read(f"unimer:{tmp_path}"))[1] == "figure_1.png"
    write(tmp_path / "labels.txt", "x\ny\n")  # fewer lines than pictures
    assert read(tmp_path / "labels.txt").format == "text"


def test_two_texts_before_the_numbers_are_two_series(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for n in range(6):
            image(tmp_path / "images" / f"{split}_{n}.png")
        write(tmp_path / f"{split}.txt", "x\n" * 6)
    with pytest.raises(UserError, match="no known format"):
        read(tmp_path)


def test_a_table_that_names_the_pictures_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "image,latex\n" + "".join(f"img_{n}.png,x_{n}\n" for n in range(6)))
    write(tmp_path / "symbols.txt", "".join(f"\\alpha_{n}\n" for n in range(6)))
    for n in range(6):
        image(tmp_path / "images" / f"img_{n}.png")
    assert read(tmp_path).format == "csv"


def test_a_text_for_each_picture_is_no_file_of_lines(tmp_path: Path) -> None:
    for n in range(3):
        image(tmp_path / f"img_{n}.png")
        write(tmp_path / f"img_{n}.txt", f"x ^ {n}\n")
    assert read(tmp_path).format == "mlhme38k"


@pytest.mark.parametrize("first", [0, 1])
def test_the_pictures_decide_where_the_numbers_leave_a_choice(first: int, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for at in range(1 - first, len(_TEXTS) - first):  # number 0 or the last one is missing, and both readings fit
        (tmp_path / "images" / f"{at + first}.png").write_bytes(_pictures()[at])
    write(tmp_path / "labels.txt", "".join(f"{text}\n" for text in _TEXTS))
    source = read(tmp_path)
    assert _first(source) == f"{first}: the pictures fit the labels that way"
    assert _pairs(source) == [(f"images/{n + first}.png", text) for n, text in enumerate(_TEXTS)]


def test_pictures_of_other_labels_decide_nothing(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for at, png in enumerate(_pictures()):
        (tmp_path / "images" / f"{at + 3}.png").write_bytes(png)
    write(tmp_path / "labels.txt", "".join(f"x _ {{ {n} }}\n" for n in range(60)))
    with pytest.raises(UserError, match="the pictures can't decide"):
        read(tmp_path)


def test_numbers_of_an_index_are_held_against_the_formulas_too(tmp_path: Path) -> None:
    write(tmp_path / "formulas.lst", "".join(f"x_{n}\n" for n in range(6)))
    write(tmp_path / "train.lst", "".join(f"{n}.png {n}\n" for n in range(1, 7)))
    source = read(tmp_path)
    assert _first(source) == "1: the highest number is the number of lines"
    assert labels(source) == [f"x_{n}" for n in range(6)]
    assert labels(read(tmp_path, first_number=0)) == [f"x_{n}" for n in range(1, 6)]


# Several folders ------------------------------------------------------------------------------------------------------


def test_a_row_is_of_the_split_whose_folder_has_its_picture(tmp_path: Path) -> None:
    write(tmp_path / "math.txt", "".join(f"x_{n}\n" for n in range(6)))
    for number, folder in ((1, "train"), (2, "train"), (3, "val"), (5, "test")):
        image(tmp_path / folder / f"{number:07d}.png")
    source = read(tmp_path)
    assert source.frame.select("split", "image", "label").rows() == [
        ("train", "train/0000001.png", "x_1"),
        ("train", "train/0000002.png", "x_2"),
        ("val", "val/0000003.png", "x_3"),
        ("test", "test/0000005.png", "x_5"),
    ]
    assert source.notes["lines not read: they have no image in the folders, and so no split"] == 2
    assert labels(read(f"{tmp_path}#val")) == ["x_3"]
    assert read(tmp_path, limit=3).frame.height <= 3


def test_one_split_of_several_is_read_without_the_others(tmp_path: Path) -> None:
    write(tmp_path / "math.txt", "".join(f"x_{n}\n" for n in range(9)))
    for number in (4, 7):
        image(tmp_path / "val" / f"{number:07d}.png")
    source = read(tmp_path)
    assert source.frame.select("split", "label").rows() == [("val", "x_4"), ("val", "x_7")]


def test_folders_that_only_hold_part_of_the_pictures_are_no_splits(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "".join(f"x_{n}\n" for n in range(4)))
    for number in (0, 1, 3):
        image(tmp_path / "images" / f"00{number // 2}" / f"{number}.png")
    source = read(f"{tmp_path}#train")
    assert _pairs(source) == [
        ("images/000/0.png", "x_0"),
        ("images/000/1.png", "x_1"),
        ("images/000/2.png", "x_2"),  # doesn't exist
        ("images/001/3.png", "x_3"),
    ]


def test_a_number_in_two_folders_is_nobodys(tmp_path: Path) -> None:
    write(tmp_path / "math.txt", "".join(f"x_{n}\n" for n in range(5)))
    for number, folder in ((0, "train"), (1, "train"), (4, "train"), (1, "val"), (2, "val"), (3, "val")):
        image(tmp_path / folder / f"{number}.png")
    source = read(tmp_path)
    assert _pairs(source) == [
        ("train/0.png", "x_0"),
        ("val/2.png", "x_2"),
        ("val/3.png", "x_3"),
        ("train/4.png", "x_4"),
    ]
    assert dict(source.unreadable.by_reason) == {"several images have this line's number": 1}


def test_two_files_for_one_folder_of_pictures_are_not_guessed_between(tmp_path: Path) -> None:
    _blank(tmp_path, range(9), 9)
    write(tmp_path / "other.txt", "a\nb\n")
    assert len(labels(read(tmp_path))) == 9  # as many lines as images
    write(tmp_path / "other.txt", "a\n" * 9)
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert f"name one: unimer:{tmp_path / 'labels.txt'}, unimer:{tmp_path / 'other.txt'}" in str(error.value)
    assert labels(read(f"unimer:{tmp_path / 'other.txt'}")) == ["a"] * 9


def test_a_text_with_far_fewer_lines_than_pictures_is_some_other_text(tmp_path: Path) -> None:
    texteller(tmp_path, 30)
    write(tmp_path / "notes.txt", "some words\nof mine\n")
    source = read(tmp_path)
    assert source.format == "jsonl"
    assert source.notes["files beside it that could hold labels and were not read: notes.txt"] == 1


def test_folders_that_each_count_from_their_own_first_line_belong_to_no_one_file(tmp_path: Path) -> None:
    write(tmp_path / "math.txt", "".join(f"x_{n}\n" for n in range(9)))
    for folder in ("train", "val"):
        for number in range(4):
            image(tmp_path / folder / f"{number}.png")
    with pytest.raises(UserError, match="no known format"):
        read(tmp_path)


def test_pictures_without_a_line_are_counted(tmp_path: Path) -> None:
    assert read(_blank(tmp_path, range(12), 9)).notes["numbered images that belong to no line"] == 3


# The option -----------------------------------------------------------------------------------------------------------


def test_the_option_of_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _blank(tmp_path / "set", [3, 5], 9)
    arguments = ["audit", f"u={folder}", "--out", str(tmp_path / "run"), "--select", "LEN", "--no-cache"]
    assert run("curate", main_group, arguments) == 2
    assert capsys.readouterr().err.count("say which with --first-number 0 or --first-number 1; ") == 1
    assert not (tmp_path / "run").exists()
    assert run("curate", main_group, [*arguments, "--first-number", "u=1"]) == 0
    told = capsys.readouterr().out
    assert "u: 9 × rows paired by number; line 1 is number 1: given with --first-number" in told
    assert run("curate", main_group, [*arguments, "--first-number", "2"]) == 2
    assert "the number of line 1 is 0 or 1" in capsys.readouterr().err
    fixed = fix_source(parse_source(str(folder)), select(["WSP"]), "safe", first_number=0)
    assert fixed.source.frame.height == 9


@pytest.mark.parametrize(("text", "parsed"), [("0", (None, 0)), ("1", (None, 1)), ("a=1", ("a", 1))])
def test_the_options_value(text: str, parsed: tuple[str | None, int]) -> None:
    assert parse_first_number(text) == parsed


@pytest.mark.parametrize("text", ["", "2", "=1", "a", "a=", "-1", "01"])
def test_a_wrong_value_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match="write --first-number"):
        parse_first_number(text)


def test_what_was_given_wins_over_all_evidence() -> None:
    found = Numbered(range(9), 9)
    assert first_number(Path("x"), found, 1, lambda: 9.0) == (1, "given with --first-number")


@pytest.mark.parametrize("images", [True, False])
def test_an_index_whose_numbers_are_0_to_the_number_of_formulas_asks_the_pictures(tmp_path: Path, images: bool) -> None:
    formulas = [f"x_{{{number}}} + 1" for number in range(8)]
    write(tmp_path / "formulas.lst", "".join(f"{formula}\n" for formula in formulas))
    write(tmp_path / "train.lst", "".join(f"{number} {number:010x}\n" for number in range(9)))
    for number in range(9 if images else 1):
        image(tmp_path / "formula_images" / f"{number:010x}.png")
    with pytest.raises(UserError, match="the pictures can't decide; say which with --first-number 0"):
        read(f"im2latex:{tmp_path}")
