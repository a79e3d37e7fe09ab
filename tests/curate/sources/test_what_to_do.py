"""Unreadable input gets one line that says what it is and what to do; it is not read as anything else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from source_makers import image, images, labels, read, write

from curate.base import terminal
from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.cli.main import main_group
from curate.sources.places.file_text import FileText
from curate.sources.places.table_fields import in_table


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("labels.txt", "".join(f"./images/{n}.png|x_{n}\n" for n in range(4)), "put a TAB between them"),
        ("labels.txt", "".join(f"{n}.png: x_{n}\n" for n in range(4)), "put a TAB between them"),
        ("gt.txt", "".join(f"x_{n}\t{n}.png\n" for n in range(4)), "put the image first"),
        (
            "labels.csv",
            "file name,the formula\n" + "".join(f"{n}.png,x^{n}\n" for n in range(4)),
            "--columns 'label:the formula,image:file name'",
        ),
        ("gt.txt", "".join(f'{n}.png, "x_{n}"\n' for n in range(4)), "put a TAB between them"),
        ("labels.csv", "".join(f"{n}.png,x_{n}\n" for n in range(4)), "its first line is data, not a header"),
        ("labels.csv", "image|latex\n" + "".join(f"{n}.png|x_{n}\n" for n in range(4)), "separated by '|'"),
        ("a.json", json.dumps({"info": {}, "data": [{"image": "0.png", "latex": "x"}]}), "its records under 'data'"),
        ("a.json", json.dumps({"train": [{"image": "0.png", "tex": "x"}], "val": [{"tex": "y"}]}), "'train', 'val'"),
        ("a.json", json.dumps({"a": {"messages": [{"role": "user", "content": "x"}]}}), "a record for each name"),
        ("a.json", json.dumps({"train": {"0.png": "x"}, "val": {"1.png": "y"}}), "its records under 'train', 'val'"),
        (
            "a.json",
            json.dumps({"data_list": [{"img_path": "0.png", "instances": [{"text": "x"}]}]}),
            "under 'data_list'",
        ),
        (
            "a.jsonl",
            '{"image": "0.png", "ground_truth": "{\\"gt_parse\\": {\\"tex\\": 1}}"}\n',
            "are JSON objects, like {",
        ),
        ("labels.feather", "x", "labels.feather is not read; save its table"),
        ("labels.pkl", "x", "labels.pkl is not read; save its table"),
        ("labels.sqlite3", "x", "labels.sqlite3 is not read; save its table"),
        ("labels.txt", "", "labels.txt is empty"),
        ("labels.xlsx", "PK", "labels.xlsx is not read; save the table as CSV"),
        ("data.mdb", "x", "data.mdb is not read; write its images as files"),
    ],
)
def test_what_to_do(name: str, text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path / "set" / name, text)
    for n in range(4):
        image(tmp_path / "set" / "images" / f"{n}.png")
    with pytest.raises(UserError) as error:
        read(tmp_path / "set")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["img_{}", "{}", "{:05d}", "a{}b"])
@pytest.mark.parametrize("space", [" ", "\t"])
@pytest.mark.parametrize("place", ["img", "."])
def test_names_without_ending_in_front_of_labels_are_not_read_with_them(
    form: str, space: str, place: str, tmp_path: Path
) -> None:
    order = [3, 0, 4, 1, 2, 5]
    for n in order:
        image(tmp_path / "set" / place / f"{form.format(n)}.png")
    path = write(tmp_path / "set" / "labels.txt", "".join(f"{form.format(n)}{space}x + {n}\n" for n in order))
    found = [(Path(place) / f"{form.format(n)}.png").as_posix() for n in order]
    for given in (path.parent, path):
        try:
            source = read(given)
        except UserError as error:
            said = re.search(r"its lines are IMAGE without its ending, white space, LABEL; (crohme:\S+)", str(error))
            source = read(said[1] if said else "")  # as it says
        assert (images(source), labels(source)) == (found, [f"x + {n}" for n in order])


def test_labels_that_begin_with_numbers_are_labels(tmp_path: Path) -> None:
    texts = ["1 + 1", "2 + 3", "2 - 1", "0 + 4", "3 x", "5 y"]
    for n in range(6):
        image(tmp_path / "images" / f"{n}.png")
    write(tmp_path / "labels.txt", "".join(f"{text}\n" for text in texts))
    assert labels(read(tmp_path)) == texts


def test_a_list_of_names_beside_as_many_labels_says_how_to_join_them(tmp_path: Path) -> None:
    """OpenNMT's `src-train.txt` and `tgt-train.txt`."""
    names = ["b9.png", "a1.png", "c3.png"]
    write(tmp_path / "src-train.txt", "".join(f"{name}\n" for name in names))
    write(tmp_path / "tgt-train.txt", "x\ny\nz\n")
    for name in names:
        image(tmp_path / "images" / name)
    said = "src-train.txt lists as many image names as tgt-train.txt has lines; if they belong together: "
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert said in str(error.value)
    alone = read(tmp_path / "tgt-train.txt")
    ((note, count),) = alone.notes.items()
    assert (note[: len(said)], count) == (said, 3)
    subprocess.run(note.partition("together: ")[2], shell=True, cwd=tmp_path, check=True)  # as it says
    assert images(read(tmp_path)) == [f"images/{name}" for name in names]
    write(tmp_path / "other" / "src.txt", "a.png\nb.png\n")
    write(tmp_path / "other" / "tgt.txt", "x\n")
    assert not read(tmp_path / "other" / "tgt.txt").notes


@pytest.mark.parametrize("place", [".", "train", "a/b"])
def test_images_without_labels_are_counted_and_what_to_do_is_said(place: str, tmp_path: Path) -> None:
    for n in range(3):
        picture = image(tmp_path / "set" / place / f"{n}.png")
    said = "; name the file that holds the labels, and this folder with --images; or put a file into it with a line "
    said += "IMAGE<TAB>LABEL for each image"
    for beside in ("", ", and passed over README.md (documentation)"):
        with pytest.raises(UserError) as error:
            read(tmp_path / "set")
        assert str(error.value) == f"{tmp_path / 'set'}: it holds 3 images and no labels{beside}{said}"
        write(tmp_path / "set" / "README.md", "# Photos\n")
    with pytest.raises(UserError, match=r"0\.png: it is an image; name the file that holds the labels$"):
        read(picture.with_name("0.png"))
    write(tmp_path / "set" / "labels.txt", "".join(f"{n}.png\tx_{n}\n" for n in range(3)))  # as it says
    assert images(read(tmp_path / "set")) == [(Path(place) / f"{n}.png").as_posix() for n in range(3)]


@pytest.mark.parametrize("many", [3, 60])
@pytest.mark.parametrize(("ending", "text"), [("json", '{"latex": "x"}'), ("tex", "x ^ 2")])
@pytest.mark.parametrize("folder", ["set", "set/labels"])
def test_a_file_for_each_image_is_not_taken_for_a_split(
    ending: str, text: str, folder: str, many: int, tmp_path: Path
) -> None:
    """And its image isn't lost."""
    for n in range(many):
        image(tmp_path / "set" / f"{n}.png")
        write(tmp_path / folder / f"{n}.{ending}", text)
    with pytest.raises(
        UserError, match=rf": it holds a \.{ending} file for each of {many} images, which is not read; "
    ):
        read(tmp_path / "set")


def test_one_object_by_the_names_of_images_without_their_ending(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.json", json.dumps({f"p{n}": f"x_{n}" for n in range(3)}))
    with pytest.raises(UserError, match="no label column"):
        read(path)
    for n in range(3):
        image(tmp_path / "img" / f"p{n}.png")
    for place in (path, tmp_path):
        assert (images(read(place)), labels(read(place))) == (
            [f"img/p{n}.png" for n in range(3)],
            ["x_0", "x_1", "x_2"],
        )


@pytest.mark.parametrize("between", [": ", "|", ", ", ";"])
def test_names_of_images_are_never_read_as_part_of_a_label(between: str, tmp_path: Path) -> None:
    """Also if the file itself is named, where any text file can be read as labels."""
    path = write(tmp_path / "gt.txt", "".join(f"{n}.png{between}x_{n}\n" for n in range(4)))
    with pytest.raises(UserError, match="put a TAB between them"):
        read(path)
    assert labels(read(f"text:{path}"))[0] == f"0.png{between}x_0"


def test_labels_beside_facts_on_each_image_are_read(tmp_path: Path) -> None:
    for n in range(3):
        image(tmp_path / f"{n}.png")
        write(tmp_path / f"{n}.json", '{"camera": "phone"}')
    write(tmp_path / "labels.txt", "".join(f"{n}.png\tx_{n}\n" for n in range(3)))
    assert labels(read(tmp_path)) == ["x_0", "x_1", "x_2"]


def test_a_table_without_labels_beside_tables_that_have_them_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "id,image,formula\n0,0.png,x\n")
    write(tmp_path / "formulas.norm.csv", "formulas\nx\n")
    source = read(tmp_path)
    assert labels(source) == ["x"]
    assert [note for note in source.notes if note.endswith(": formulas.norm.csv")]


def test_a_table_of_a_spreadsheet_with_semicolons(tmp_path: Path) -> None:
    """Excel writes a byte order mark and, where the comma is the decimal sign, semicolons."""
    rows = ["1.png;x,y", '2.png;"a\\;b"', '3.png;"\\text{""q""}"', "4.png;\\alpha", "5.png;too;many"]
    before = ("\ufeffImage;LaTeX\r\n" + "\r\n".join(rows) + "\r\n").encode()
    path = write(tmp_path / "t.csv", before)
    for n in range(1, 5):
        image(tmp_path / f"{n}.png")
    source = read(tmp_path / "t.csv")
    assert labels(source) == ["x,y", "a\\;b", '\\text{"q"}', r"\alpha"]
    assert images(source) == ["1.png", "2.png", "3.png", "4.png"]
    assert source.unreadable.total == 1
    assert read(tmp_path).format == "csv"
    changes = [(2, "x,y", "x;y"), (5, r"\alpha", r"\beta")]
    file = FileText.read(path)
    assert in_table(file, changes, ",", Columns()) == ["x;y", r"\beta"]
    assert file.result().encode() == before.replace(b"1.png;x,y", b'1.png;"x;y"').replace(b"alpha", b"beta")


@pytest.mark.parametrize(
    "before",
    [
        '\ufeff"a,b",label,raw\n1,x,x\n',  # after the mark, quotes are quotes
        '\ufeff"a;b";label;raw\n1;x;x\n',
        '\ufeff"a\nb",label,raw\n1,x,x\n',
        "\ufeff\na,label,raw\n1,x,x\n",
        "\ufeff\na;label;raw\n1;x;x\n",
        ",,\r\na,label,raw\r\n1,x,x\r\n",  # a spreadsheet whose first row is empty
        ";;\r\na;label;raw\r\n1;x;x\r\n",
        "\x0c\na;label;raw\n1;x;x\n",
    ],
)
def test_a_label_is_written_where_it_was_read(before: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", before.encode())
    assert labels(read(path)) == ["x"]
    file = FileText.read(path)
    assert in_table(file, [(before.count("\n"), "x", "y")], ",", Columns()) == ["y"]
    assert file.result() == "y".join(before.rsplit("x", 2)[:2]) + "x" + before.rsplit("x", 1)[1]


def test_a_table_with_unknown_columns_is_told_which_look_like_labels_and_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"C:\\Bilder\\{n}.png;$\\frac{{{n}}}{{a}}$;note {n}" for n in range(1, 5)]
    path = write(tmp_path / "t.csv", "Datei;Formel;Notiz\n" + "\n".join(rows) + "\n")
    with pytest.raises(UserError, match=r"perhaps --columns label:Formel,image:Datei$"):
        read(path)
    with pytest.raises(UserError, match=r"name one with --columns label:COLUMN$"):
        read(write(tmp_path / "u.csv", "a,b\none,two\n"))
    # Every command that reads the file takes what the message says.
    named = ["--columns", "label:Formel,image:Datei"]
    for command in (["check"], ["render", "--out", str(tmp_path / "p")], ["audit", "--out", str(tmp_path / "run")]):
        assert terminal.run("curate", main_group, [*command, str(path), *named]) in (0, 2), command
        assert "no label column" not in capsys.readouterr().err
        assert terminal.run("curate", main_group, [*command, str(path)]) == 2
        assert "no label column" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train.txt", "train.csv"])
def test_a_header_of_image_and_label_makes_a_table(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, "image\tlabel\n" + "".join(f"{n}.png\tx_{n}\n" for n in range(30)))
    source = read(tmp_path)
    assert (source.format, labels(source)[0], len(labels(source))) == ("tsv", "x_0", 30)


@pytest.mark.parametrize("layout", ["{split}/{kind}", "{kind}/{split}"])
def test_a_text_file_for_each_image_in_folders_of_labels_and_of_images(layout: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for n in range(3):
            write(tmp_path / layout.format(split=split, kind="labels") / f"{split}{n}.txt", f"{split}_{n}")
            image(tmp_path / layout.format(split=split, kind="images") / f"{split}{n}.png")
    source = read(tmp_path)
    rows = source.frame.select("split", "image", "label").rows()
    assert sorted(rows) == sorted(
        (split, layout.format(split=split, kind="images") + f"/{split}{n}.png", f"{split}_{n}")
        for split in ("train", "test")
        for n in range(3)
    )
