"""Bad input: one clear line, or a counted row with its line number; never a traceback or a lost row."""

from __future__ import annotations

import gzip
import json
import os
import time
import tracemalloc
from pathlib import Path

import polars as pl
import pytest
from source_makers import ids, image, images, labels, read, write

from curate.base.errors import UserError
from curate.images.opening import ImageError, open_image
from curate.sources import FORMATS
from curate.sources.columns import MOST_COLUMNS, TOO_MANY
from curate.sources.look import Look
from curate.sources.model import KEPT_ROWS, LEAVES_FOLDER, MAX_LABEL, NOT_FOUND, Unreadable, excerpt


def bad(source: object) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in source.unreadable.rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_file_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError) as error:
        read(f"{name}:{tmp_path}/absent/file.txt")
    assert "absent/file.txt" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_path_that_could_be_a_hub_id_says_how_to_write_one() -> None:
    with pytest.raises(UserError, match=r"no such file or folder; .*write hf:org/formulas"):
        read("org/formulas")


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_file_a_picture_and_an_empty_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (write(tmp_path / "empty.txt", b""), image(tmp_path / "x.png"), tmp_path / "empty"):
        for text in (f"{name}:{path}", str(path)):
            with pytest.raises(UserError) as error:
                read(text)
            assert "\n" not in str(error.value)
            assert path.name in str(error.value)


def test_an_unknown_file_says_what_was_looked_at(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x89bin\0\xff" * 500)
    with pytest.raises(UserError, match="no known format: looked at its first bytes, which are not text"):
        read(tmp_path / "x.bin")
    with pytest.raises(UserError, match="it is an image; name the file that holds the labels"):
        read(image(tmp_path / "x.png"))
    with pytest.raises(UserError, match=r"it holds 1 image and no labels; name the file"):
        read(tmp_path)


@pytest.mark.parametrize("wrong", ["csv", "jsonl", "parquet", "im2latex", "imagefolder", "m2e", "mathwriting"])
def test_the_wrong_format_says_which_it_looks_like(wrong: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "a.jpg \tx\nb.jpg \ty\n")
    if wrong in ("im2latex", "m2e"):  # im2latex takes every line as a label, and this is M2E's form too
        assert read(f"{wrong}:{path}").rows == 2
        return
    with pytest.raises(UserError, match=f"hme100k:{path}"):
        read(f"{wrong}:{path}")


def test_none_of_the_rows_readable_is_an_error_that_shows_one(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"label": "a\n{"label": b\n')
    with pytest.raises(
        UserError, match=r"none of its 2 rows could be read as jsonl \(not valid JSON: 2\).*x\.jsonl, line 1"
    ):
        read(path)


def test_rows_of_every_badness_are_counted_with_their_line(tmp_path: Path) -> None:
    data = b"\n".join(
        [
            b"a.jpg \tgood",
            b"",
            b"b.jpg no tab",
            b"c.jpg \t\xff\xfe",
            b"d.jpg \tx\0y",
            b" \tno name",
            b"../../etc/passwd \tx",
            b"/etc/passwd \tx",
            b"e.jpg \t" + b"x" * (MAX_LABEL + 1),
            b"f.jpg \tgood",
            b"\t",
        ]
    )
    source = read(f"hme100k:{write(tmp_path / 'x.txt', data)}")
    assert labels(source) == ["good", "x", "x", "good"]
    assert images(source) == ["a.jpg", "etc/passwd", "etc/passwd", "f.jpg"]
    assert bad(source) == [
        (2, "blank line"),
        (3, "no TAB between the image name and the label"),
        (4, "not valid UTF-8"),
        (5, "holds a NUL byte"),
        (6, "no image name before the label"),
        (9, "label longer than 1 MiB"),
        (11, "blank line"),
    ]
    shown = {row.line: row.excerpt for row in source.unreadable.rows}
    assert shown[4] == r"c.jpg \t\xff\xfe"
    assert shown[5] == r"d.jpg \tx\x00y"
    assert all(len(text) <= 80 and text.isprintable() for text in shown.values())


def test_the_longest_label_is_kept(tmp_path: Path) -> None:
    assert len(labels(read(write(tmp_path / "x.txt", "x" * MAX_LABEL + "\n")))[0]) == MAX_LABEL


@pytest.mark.parametrize("name", ["x.txt", "x.jsonl", "x.csv", "x.tsv", "labels_hme.txt"])
def test_a_200_mb_line_is_counted_and_never_held(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    start, end = {
        "x.txt": (b"good\n", b""),
        "x.jsonl": (b'{"label": "good"}\n{"label": "', b'"}\n{"label": "good"}\n'),
        "x.csv": (b"label,n\ngood,1\n", b",1\ngood,1\n"),
        "x.tsv": (b"label\tn\ngood\t1\n", b"\t1\ngood\t1\n"),
        "labels_hme.txt": (b"a.jpg \tgood\nb.jpg \t", b"\nc.jpg \tgood\n"),
    }[name]
    with path.open("wb") as file:
        file.write(start)
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(end or b"\ngood")
    tracemalloc.start()
    source = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert labels(source) == ["good", "good"]
    assert dict(source.unreadable.by_reason) == {"line longer than 8 MiB": 1}
    assert peak < 100 << 20


def test_a_line_over_the_limit_inside_one_block(tmp_path: Path) -> None:
    long = b"y" * (9 << 20)
    source = read(write(tmp_path / "x.txt", b"a\n" + long + b"\nb\n"))
    assert labels(source) == ["a", "b"]
    assert ids(source) == ["x/1", "x/3"]
    assert bad(source) == [(2, "line longer than 8 MiB")]


def test_truncated_json_lines(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.jsonl", '{"label": "a"}\n\n{"label": "b"}\n[1]\n7\n{"label": "c'))
    assert labels(source) == ["a", "b"]
    assert bad(source) == [
        (2, "blank line"),
        (4, "not a JSON object or a label"),
        (5, "not a JSON object or a label"),
        (6, "not valid JSON"),
    ]


def test_truncated_json_array_keeps_what_came_before(tmp_path: Path) -> None:
    text = json.dumps([{"label": f"x{at}"} for at in range(5)], indent=2)
    source = read(write(tmp_path / "x.json", text[: text.index("x3")]))
    assert labels(source) == ["x0", "x1", "x2"]
    assert bad(source) == [(4, "not valid JSON; nothing after this place could be read")]


def test_json_values_that_are_no_label(tmp_path: Path) -> None:
    lines = [
        '{"label": null}',
        '{"other": 1}',
        '{"label": 5}',
        '{"label": ["x"]}',
        '{"label": "\\ud800"}',
        '{"label": "a\\u0000b"}',
        '{"label": "ok", "image": 7}',
        '{"label": "ok"}',
    ]
    source = read(write(tmp_path / "x.jsonl", "\n".join(lines) + '\n{"label": "ok", "image": "a.png"}'))
    assert labels(source) == ["ok", "ok"]
    assert bad(source) == [
        (1, "the label is missing"),
        (2, "the label is missing"),
        (3, "the label is not text"),
        (4, "the label is not text"),
        (5, "holds half of a surrogate pair, which is not a character"),
        (6, "holds a NUL byte"),
        (7, "the image is not a path"),
    ]


def test_invalid_utf8_in_a_json_array_and_a_csv(tmp_path: Path) -> None:
    array = read(write(tmp_path / "x.json", b'["a", "\xff", "b"]'))
    assert labels(array) == ["a", "b"]
    assert bad(array) == [(2, "not valid UTF-8")]
    table = read(write(tmp_path / "x.csv", b"label,n\na,1\n\xff,2\nb,3\n"))
    assert labels(table) == ["a", "b"]
    assert bad(table) == [(3, "not valid UTF-8")]


def test_a_header_that_is_not_utf8(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.csv", b"\x85n,label,o\xffther\r\n1,a,2\r\n"))
    assert labels(source) == ["a"]
    assert source.frame.columns[5:] == ["\\x85n", "o\\xffther"]


def test_csv_rows_of_another_width_and_open_quotes(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.csv", 'label,n\na,1\nb\nc,1,2\n\n"d,4\ne,5\nf,6\n'))
    assert labels(source) == ["a", "e", "f"]
    assert bad(source) == [
        (3, "the number of fields differs from the header's"),
        (4, "the number of fields differs from the header's"),
        (5, "blank line"),
        (6, "unclosed quotes in this row"),
    ]


def test_duplicate_ids_stay_and_get_a_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "a.jpg \ta1\na.jpg~2 \ta2\na.jpg \ta3\na.jpg \ta4\n")
    source = read(f"s=hme100k:{path}")
    assert ids(source) == ["s/a.jpg", "s/a.jpg~2", "s/a.jpg~3", "s/a.jpg~4"]
    assert labels(source) == ["a1", "a2", "a3", "a4"]
    assert source.notes == {"duplicate id: the sample_id got a suffix ~2, ~3, …": 2}
    assert source.unreadable.total == 0


def test_a_broken_gzip_file(tmp_path: Path) -> None:
    import gzip

    data = gzip.compress(os.urandom(1 << 18).hex().encode())
    with pytest.raises(UserError, match=r"x\.txt\.gz"):
        read(f"text:{write(tmp_path / 'x.txt.gz', data[: len(data) // 2])}")


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    good = tmp_path / "x.parquet"
    pl.DataFrame({"label": ["a"]}).write_parquet(good)
    write(good, good.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"x\.parquet: not readable as parquet"):
        read(good)
    pl.DataFrame({"label": [1]}).write_parquet(good)
    with pytest.raises(UserError, match="holds Int64, not text"):
        read(good)


def test_json_nested_too_deep(tmp_path: Path) -> None:
    deep = '{"label": ' + "[" * 100_000
    source = read(write(tmp_path / "x.jsonl", '{"label": "a"}\n' + deep + "\n"))
    assert bad(source) == [(2, "not valid JSON")]


def test_xml_entities_are_no_bomb(tmp_path: Path) -> None:
    lol = "".join(f'<!ENTITY l{at} "' + f"&l{at - 1};" * 10 + '">' for at in range(1, 12))
    bomb = f'<!DOCTYPE ink [<!ENTITY l0 "lol">{lol}]><ink><annotation type="truth">&l11;</annotation></ink>'
    write(tmp_path / "a.inkml", "<ink><annotation type='truth'>x</annotation></ink>")
    write(tmp_path / "b.inkml", bomb)
    source = read(f"crohme:{tmp_path}")
    assert labels(source) == ["x"]
    assert source.unreadable.total == 1


# --- image paths -----------------------------------------------------------------------------------------------------


def test_paths_that_leave_the_image_folder(tmp_path: Path) -> None:
    outside = image(tmp_path / "outside" / "o.png")
    root = tmp_path / "set"
    image(root / "img" / "a.png")
    (root / "img" / "link.png").symlink_to(outside)
    (root / "img" / "inner.png").symlink_to(root / "img" / "a.png")
    (root / "away").symlink_to(outside.parent, target_is_directory=True)
    names = [
        "img/a.png",
        "./img//a.png",
        "img/../img/a.png",
        str(root / "img" / "a.png"),
        "img/inner.png",
        "img/absent.png",
        "../outside/o.png",
        str(outside),
        "img/link.png",
        "away/o.png",
        "..\\outside\\o.png",
        "C:\\o.png",
    ]
    lines = "".join(json.dumps({"image": name, "label": str(at)}) + "\n" for at, name in enumerate(names))
    source = read(write(root / "x.jsonl", lines))
    assert images(source) == [
        *["img/a.png"] * 4,
        *["img/inner.png", "img/absent.png", "outside/o.png", str(outside)[1:], "img/link.png", "away/o.png"],
        *["outside/o.png", "o.png"],
    ]
    lost = [None] * 5 + ["img/absent.png", names[6], names[7], None, None, names[10], names[11]]
    assert source.frame[NOT_FOUND].to_list() == lost
    assert source.notes[LEAVES_FOLDER] == 2  # the two behind links
    for ref in images(source)[6:]:
        with pytest.raises(ImageError):
            open_image(source.root, ref)


def test_paths_relative_to_a_label_file_in_a_folder_beside(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    path = write(tmp_path / "labels" / "x.jsonl", '{"image": "../images/a.png", "label": "x"}\n')
    assert images(read(path)) == ["images/a.png"]
    assert read(path).frame[NOT_FOUND].to_list() == ["../images/a.png"]
    assert images(read(path, images=tmp_path)) == ["images/a.png"]
    assert NOT_FOUND not in read(path, images=tmp_path).frame.columns


def test_imagefolder_paths_that_leave(tmp_path: Path) -> None:
    rows = ["a.png", "../x.png", "../../x.png", "/etc/passwd"]
    text = "".join(json.dumps({"file_name": name, "text": name}) + "\n" for name in rows)
    write(tmp_path / "train" / "metadata.jsonl", text)
    source = read(tmp_path)
    assert images(source) == ["train/a.png", "x.png", "x.png", "etc/passwd"]
    assert source.frame[NOT_FOUND].to_list() == rows


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_counts_are_complete_and_the_first_thousand_rows_kept(tmp_path: Path) -> None:
    lines = ["a.jpg \tx", "ok", *(f"a.jpg{at} no tab" if at % 2 else "" for at in range(5000))]
    path = write(tmp_path / "x.txt", "".join(line + "\n" for line in lines))
    source = read(f"hme100k:{path}")
    assert source.rows == 5002
    assert dict(source.unreadable.by_reason) == {
        "blank line": 2500,
        "no TAB between the image name and the label": 2501,
    }
    assert [row.line for row in source.unreadable.rows] == list(range(2, KEPT_ROWS + 2))


def test_rows_added_one_by_one_keep_the_first() -> None:
    unreadable = Unreadable()
    for line in range(50_000):
        unreadable.add("f", line, "x")
    unreadable.add("f", -1, "late")
    unreadable.close()
    assert unreadable.total == 50_001
    assert [row.line for row in unreadable.rows] == list(range(-1, KEPT_ROWS - 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb", "a\\tb"),
        ("\\t", "\\t"),
        ("é中\x7f\u202e", "é中\\x7f\\u202e"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\0" * 100, "\\x00" * 19 + "…"),
    ],
)
def test_excerpt(text: str, expected: str) -> None:
    assert excerpt(text) == expected
    assert len(excerpt(text)) <= 80


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "tsv", "txt"])
def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels.{ending}.gz"
    start = {
        "json": '[{"latex": "x"}',
        "jsonl": '{"latex": "x"}\n',
        "csv": "latex\nx\n",
        "tsv": "a.png\tx\n",
        "txt": "x\n",
    }
    with gzip.open(path, "wt") as file:
        file.write(start[ending])
        for _ in range(30):
            file.write(" " * 10_000_000)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"labels\.\w+\.gz: can't be read.*gzip bomb"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250_000_000


@pytest.mark.parametrize(("ending", "comma"), [("csv", ","), ("tsv", "\t")])
def test_a_field_of_millions_of_line_breaks_takes_seconds(ending: str, comma: str, tmp_path: Path) -> None:
    many = 18_000_000  # more than the longest field that the csv module is allowed to read
    path = write(tmp_path / f"x.{ending}", f'label{comma}n\na{comma}1\n"' + "\n" * many + f"b{comma}2\nc{comma}3\n")
    began = time.process_time()
    source = read(path)
    assert time.process_time() - began < 15
    assert labels(source)[0] == "a"
    assert labels(source)[-1] == "c"
    assert source.unreadable.by_reason["blank line"] > many - 3


def test_names_that_are_not_utf8_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write(folder / "labels.jsonl", '{"image": "a.png", "latex": "x"}\n')
    image(folder / "a.png")
    write(Path(os.fsdecode(os.fsencode(folder) + b"/more\xfc.jsonl")), '{"latex": "y"}\n')
    image(Path(os.fsdecode(os.fsencode(folder) + b"/b\xff.png")))
    Path(os.fsdecode(os.fsencode(folder) + b"/sub\xfe")).mkdir()
    source = read(folder)
    assert labels(source) == ["x"]
    assert source.notes["files and folders not read because their names are not UTF-8; rename them"] == 3


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    write(path, "x\ny\n")
    with pytest.raises(UserError, match="this path is not UTF-8"):
        read(path)


@pytest.mark.parametrize("splits", [["../outside"], ["train", ".."], [["train"]], "train", [1], ["/etc"]])
def test_splits_outside_of_a_saved_data_set_are_refused(splits: object, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for name in ("outside", "set/train"):
        datasets.Dataset.from_dict({"latex": ["x", "y"]}).save_to_disk(tmp_path / name)
    write(tmp_path / "set" / "dataset_dict.json", json.dumps({"splits": splits}))
    with pytest.raises(UserError, match=r"dataset_dict\.json"):
        read(tmp_path / "set")


def test_the_folders_of_the_running_system_are_not_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "labels.jsonl", '{"latex": "x"}\n')
    (tmp_path / "processes").symlink_to("/proc")
    assert [folder.path for folder in Look(tmp_path).tree] == [tmp_path]


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/../", "/proc"])
@pytest.mark.parametrize("form", ["", "text:", "hf:", "imagefolder:"])
def test_the_whole_disk_is_no_data_set(form: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder of the system, not a data set"):
        read(form + path)
    write(tmp_path / "a.jsonl", '{"latex": "x", "image": "a.png"}\n')
    with pytest.raises(UserError, match="a folder of the system, not a data set"):
        read(tmp_path / "a.jsonl", images=Path(path))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt", "tsv"])
def test_millions_of_blank_lines_are_counted_at_once(ending: str, tmp_path: Path) -> None:
    blank = 3_000_000
    before = {"jsonl": '{"latex": "x"}\n', "csv": 'latex,b\nx,1\ny,"', "txt": "x\n", "tsv": "latex\tb\nx\t1\n"}[ending]
    path = write(tmp_path / f"a.{ending}", before + "\n" * blank)
    start = time.process_time()
    source = read(path)
    assert time.process_time() - start < 10
    assert labels(source) == ["x"]
    assert source.unreadable.by_reason["blank line"] >= blank - 1
    assert source.rows == source.frame.height + source.unreadable.total


def test_a_file_with_another_key_in_each_row_has_not_that_many_columns(tmp_path: Path) -> None:
    rows = [
        {f"k{number}": 1, "latex": "x"} if number else {"k": 1, "latex": "y"} for number in range(MOST_COLUMNS + 500)
    ]
    source = read(
        write(tmp_path / "a.jsonl", "".join(json.dumps({**row, "id": str(at)}) + "\n" for at, row in enumerate(rows)))
    )
    assert source.frame.height == len(rows)
    assert source.frame.width < MOST_COLUMNS + 10
    assert source.notes == {TOO_MANY: 502}  # including `id`, `latex` and `k`


_WIDE = {
    "csv": lambda frame, path: frame.write_csv(path),
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
    "json": lambda frame, path: path.write_text(json.dumps(frame.to_dicts())),
    "parquet": lambda frame, path: frame.write_parquet(path),
    "arrow": lambda frame, path: frame.write_ipc(path, compression="uncompressed"),
}


@pytest.mark.parametrize("ending", _WIDE)
def test_every_table_has_the_same_limit_of_columns_and_keeps_those_that_are_named(ending: str, tmp_path: Path) -> None:
    """The label and the image come after thousands of columns, with a usual name or with the user's."""
    many = {f"c{number}": ["1", "2"] for number in range(MOST_COLUMNS + 3000)}
    mine = {"transcript": ["x", "y"], "photo": ["a.png", "b.png"], "LaTeX": ["v", "w"], "img_path": ["1.png", "2.png"]}
    image(tmp_path / "a.png")
    _WIDE[ending](pl.DataFrame({**many, **mine}), tmp_path / f"a.{ending}")
    start = time.process_time()
    source = read(tmp_path / f"a.{ending}")
    named = read(tmp_path / f"a.{ending}", columns={"label": "transcript", "image": "photo"})
    assert time.process_time() - start < 20
    assert (labels(source), images(source)) == (["v", "w"], ["1.png", "2.png"])
    assert source.notes[TOO_MANY] == 3002
    assert (labels(named), images(named)) == (["x", "y"], ["a.png", "b.png"])
    assert {"c1999", "LaTeX"} <= set(named.frame.columns)
    assert "c2000" not in named.frame.columns


def test_thousands_of_columns_without_name_and_content_cost_nothing(tmp_path: Path) -> None:
    """Some spreadsheets end every row with a separator for each column that ever had a format."""
    path = write(tmp_path / "a.csv", f"label,a,a,a,{',' * 9_000}\n" + f"x,1,2,3,{',' * 9_000}\n" * 2)
    start = time.process_time()
    source = read(path)
    assert time.process_time() - start < 5
    assert source.frame.columns[5:] == ["a", "a_2", "a_3"]
