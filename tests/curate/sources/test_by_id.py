"""Rows of tables get the images that an id or a number in them names, if every id has its image; else a note tells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from source_makers import image, images, labels, read, write

from curate.base.errors import UserError

_ROWS = 12


def _table(path: Path, ids: Sequence[object], *, column: str = "id", texts: Iterable[str] | None = None) -> Path:
    """A table as pandas writes it, in the form of the ending; label n belongs to the n-th id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({column: ids, "latex": list(texts or (f"x_{{{n}}}" for n in ids))})
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    else:
        frame.to_json(path, orient="records", lines=path.suffix == ".jsonl")
    return path


def _pictures(folder: Path, numbers: Iterable[object], form: str = "{}.png") -> None:
    for number in numbers:
        image(folder / form.format(number))


def _notes(folder: Path | str, **options: object) -> str:
    return "; ".join(read(folder, **options).notes)


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("form", ["{}.png", "{:05d}.png", "img_{}.jpg"])
@pytest.mark.parametrize("first", [0, 1, 700])
def test_a_number_for_each_image_and_an_image_for_each_number(
    ending: str, form: str, first: int, tmp_path: Path
) -> None:
    ids = [first + n for n in (3, 0, 1, 2, 5, 4)]
    _table(tmp_path / f"labels.{ending}", ids)
    _pictures(tmp_path / "images", ids, form)
    source = read(tmp_path)
    assert images(source) == [f"images/{form.format(n)}" for n in ids]
    assert labels(source) == [f"x_{{{n}}}" for n in ids]
    (note,) = source.notes
    assert note.startswith("rows paired by number: column 'id'")
    assert source.notes[note] == 6
    assert images(read(tmp_path, limit=2)) == images(source)[:2]


@pytest.mark.parametrize("column", ["index", "idx", "image_id", "Unnamed: 0", "", "no"])
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_other_columns_with_numbers(column: str, ending: str, tmp_path: Path) -> None:
    _table(tmp_path / f"labels.{ending}", range(_ROWS), column=column or ("column" if ending != "csv" else column))
    _pictures(tmp_path / "img", range(_ROWS), "{:04d}.png")
    assert images(read(tmp_path)) == [f"img/{n:04d}.png" for n in range(_ROWS)]


def test_the_index_that_pandas_writes_of_its_own(tmp_path: Path) -> None:
    frame = pd.DataFrame({"latex": [f"x_{{{n}}}" for n in range(8)]})
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "a.csv")
    frame.sample(frac=1, random_state=2).to_parquet(tmp_path / "b.parquet")
    _pictures(tmp_path / "images", range(8))
    for name in ("a.csv", "b.parquet"):
        source = read(tmp_path / name)
        assert [f"images/{label[3:-1]}.png" for label in labels(source)] == images(source)


@pytest.mark.parametrize(
    ("ids", "numbers", "said"),
    [
        (range(12), range(1, 13), "'id' holds 0 to 11, of which 11 of 12 have such an image"),  # off by one
        (range(1, 13), range(12), "'id' holds 1 to 12, of which 11 of 12"),
        (range(12), range(1, 12), "11 of 12"),  # of the first image or the last one
        (range(12), range(11), "11 of 12"),
        (range(12), range(13), "12 of 12"),
        (range(11), range(12), "11 of 11"),
        ([*range(11), 3], range(11), "no column says which row is whose"),
        ([*range(11), "x"], range(12), "no column says which row is whose"),
        ([f"{n}.5" for n in range(12)], range(12), "no column says which row is whose"),
    ],
)
def test_anything_less_is_told_and_nothing_is_paired(
    ids: Sequence[object], numbers: range, said: str, tmp_path: Path
) -> None:
    _table(tmp_path / "labels.csv", ids)
    _pictures(tmp_path / "images", numbers, "{:03d}.png")
    source = read(tmp_path)
    assert images(source) == [None] * len(ids)
    ((note, count),) = [(note, count) for note, count in source.notes.items() if said in note]
    assert note.startswith(f"images named by numbers, {numbers[0]} to {numbers[-1]}, are not used: ")
    assert count == len(numbers)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_proposed_option_pairs_by_number_and_tells_what_is_missing(ending: str, tmp_path: Path) -> None:
    _table(tmp_path / f"labels.{ending}", range(12))
    _pictures(tmp_path / "images", [n for n in range(13) if n != 4], "{:03d}.png")
    assert "if each of them is its image's number: --columns image:id" in _notes(tmp_path)
    source = read(tmp_path, columns={"image": "id"})
    assert images(source) == [f"images/{n:03d}.png" if n != 4 else "images/4" for n in range(12)]
    assert source.frame["image_not_found"].drop_nulls().to_list() == ["4"]
    assert source.notes["rows paired by number: the image column holds the numbers of the images"] == 11


@pytest.mark.parametrize("column", ["image_id", "img_id"])
def test_ids_of_images_are_ids_like_any(column: str, tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", range(12), column=column)
    _pictures(tmp_path / "images", range(1, 13), "{:03d}.png")
    assert f"of which 11 of 12 have such an image; if each of them is its image's number: --columns image:{column}" in (
        _notes(tmp_path)
    )
    assert set(images(read(tmp_path))) == {None}
    image(tmp_path / "images" / "000.png")
    (tmp_path / "images" / "012.png").unlink()
    assert images(read(tmp_path))[11] == "images/011.png"


def test_an_image_column_of_numbers_is_taken_at_its_word(tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", range(8, 12), column="image")
    _pictures(tmp_path / "images", range(8, 12), "{:02d}.png")
    assert images(read(tmp_path)) == ["images/08.png", "images/09.png", "images/10.png", "images/11.png"]


def test_a_row_that_cant_be_read_leaves_its_image(tmp_path: Path) -> None:
    rows = [json.dumps({"id": n, "latex": f"x_{n}"}) for n in range(9)]
    _pictures(tmp_path / "images", range(9))
    for broken, paired in ((4, True), (0, False), (8, False)):  # at an end, it might be off by one
        text = "\n".join(row if n != broken else "{broken" for n, row in enumerate(rows))
        write(tmp_path / "labels.jsonl", text + "\n")
        source = read(tmp_path)
        found = [f"images/{n}.png" if paired else None for n in range(9) if n != broken]
        assert images(source) == found


def test_splits_with_images_of_their_own_and_with_shared_ones(tmp_path: Path) -> None:
    for name, ids in (("train", range(6)), ("test", range(4))):
        _table(tmp_path / "own" / f"{name}.csv", ids, texts=[f"{name}_{n}" for n in ids])
        _pictures(tmp_path / "own" / name, ids)
    for name, ids in (("train", range(6)), ("test", range(6, 9))):
        _table(tmp_path / "shared" / f"{name}.csv", ids, texts=[f"{name}_{n}" for n in ids])
    _pictures(tmp_path / "shared" / "images", range(9))
    own, shared = read(tmp_path / "own"), read(tmp_path / "shared")
    assert dict(zip(labels(own), images(own), strict=True)) == {
        f"{name}_{n}": f"{name}/{n}.png" for name, rows in (("train", 6), ("test", 4)) for n in range(rows)
    }
    whole = {f"{'train' if n < 6 else 'test'}_{n}": f"images/{n}.png" for n in range(9)}
    assert dict(zip(labels(shared), images(shared), strict=True)) == whole
    assert images(read(f"{tmp_path / 'shared'}#test")) == [f"images/{n}.png" for n in range(6, 9)]
    assert images(read(tmp_path / "shared" / "train.csv")) == [None] * 6  # three images are another file's
    (tmp_path / "shared" / "images" / "7.png").unlink()
    assert set(images(read(tmp_path / "shared"))) == {None}


def test_without_a_readable_row_the_error_is_that(tmp_path: Path) -> None:
    write(tmp_path / "labels.jsonl", '{"id": 0, "label": ["x"]}\n{"id": 1, "label": ["y"]}\n')
    _pictures(tmp_path, range(2))
    with pytest.raises(UserError, match="none of its 2 rows could be read"):
        read(tmp_path)


def test_two_columns_of_numbers_in_different_order_are_not_guessed_between(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "id,idx,latex\n" + "".join(f"{n},{8 - n},x_{n}\n" for n in range(9)))
    _pictures(tmp_path / "images", range(9))
    assert "say which: --columns image:id or --columns image:idx" in _notes(tmp_path)
    assert set(images(read(tmp_path))) == {None}
    assert images(read(tmp_path, columns={"image": "idx"}))[0] == "images/8.png"
    write(tmp_path / "labels.csv", "id,idx,latex\n" + "".join(f"{n},{n},x_{n}\n" for n in range(9)))
    assert images(read(tmp_path))[8] == "images/8.png"


def test_ids_that_are_the_names_of_images(tmp_path: Path) -> None:
    ids = [f"{n * 7919:08x}_a" for n in range(6)]
    _table(tmp_path / "train.csv", ids)
    _pictures(tmp_path / "train_images", [*ids, "other"])
    source = read(tmp_path)
    assert images(source) == [f"train_images/{name}.png" for name in ids]
    assert source.notes["rows paired by name: column 'id' holds the names of the images without their ending"] == 6
    (tmp_path / "train_images" / f"{ids[2]}.png").unlink()
    assert set(images(read(tmp_path))) == {None}
    assert "to look for all images by them: --columns image:id" in _notes(tmp_path)
    assert images(read(tmp_path, columns={"image": "id"}))[1] == f"train_images/{ids[1]}.png"


def test_a_table_without_ids_says_that_images_are_not_used(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "latex\nx\ny\n")
    _pictures(tmp_path / "images", range(2))
    assert "0 to 1, are not used: no column says which row is whose; add one with their names" in _notes(tmp_path)


def test_a_file_of_lines_says_that_images_are_not_used(tmp_path: Path) -> None:
    write(tmp_path / "labels.txt", "".join(f"x_{n}\n" for n in range(9)))
    _pictures(tmp_path, range(2), "figure_{}.png")
    source = read(tmp_path / "labels.txt")
    said = f"images named by numbers, 0 to 1, are not used; if they belong to the lines: unimer:{tmp_path}/labels.txt"
    assert source.notes[said] == 2


def test_images_in_an_archive(tmp_path: Path) -> None:
    import zipfile

    _table(tmp_path / "labels.csv", range(5))
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for n in range(5):
            archive.write(image(tmp_path / "a.png"), f"images/{n:05d}.png")
    (tmp_path / "a.png").unlink()
    assert images(read(tmp_path)) == [f"images.zip#images/{n:05d}.png" for n in range(5)]


def test_an_image_column_that_isnt_there_is_an_error_as_ever(tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", range(5))
    _pictures(tmp_path / "images", range(5))
    with pytest.raises(UserError, match="no column 'key'"):
        read(tmp_path, columns={"image": "key"})


@pytest.mark.parametrize(
    ("column", "ending"),
    [
        *((column, ending) for column in ("image_id", "img_id") for ending in ("csv", "jsonl", "parquet")),
        *(("image", "csv"), ("filename", "tsv")),
    ],
)
@pytest.mark.parametrize("form", ["{}.png", "{:03d}.png"])
@pytest.mark.parametrize(("ids", "numbers"), [(range(12), range(1, 13)), (range(1, 13), range(12))])
def test_numbers_in_an_image_column_may_be_off_by_one(
    column: str, form: str, ending: str, ids: range, numbers: range, tmp_path: Path
) -> None:
    _table(tmp_path / f"labels.{ending}", ids, column=column)
    _pictures(tmp_path / "images", numbers, form)
    for options in ({}, {"limit": 3}) if column.endswith("id") else ({},):
        source = read(tmp_path, **options)
        assert not [name for name in images(source) if name and (tmp_path / name).exists()]
        assert f"--columns image:{column}" in "; ".join(source.notes)
    assert len(images(read(tmp_path, columns={"image": column}))) == 12
    assert any("holds the numbers" in note for note in read(tmp_path, columns={"image": column}).notes) == (
        form != "{}.png"
    )


def test_numbers_in_an_image_column_that_cant_be_off_by_one(tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", range(12), column="image_id")
    _pictures(tmp_path / "images", [n for n in range(12) if n != 5])
    source = read(tmp_path)  # one is missing, but one higher or lower, two would be
    assert images(source) == [f"images/{n}.png" for n in range(12)]
    assert source.frame["image_not_found"].drop_nulls().to_list() == ["5"]
    _table(tmp_path / "labels.csv", [2, 4, 9], column="image_id")
    assert images(read(tmp_path)) == ["images/2.png", "images/4.png", "images/9.png"]


@pytest.mark.parametrize("form", ["{}.png", "{:03d}.png"])
def test_labels_by_number_may_be_off_by_one(form: str, tmp_path: Path) -> None:
    stems = [form.format(n).removesuffix(".png") for n in range(12)]
    write(tmp_path / "labels.json", json.dumps({stem: f"x_{{{n}}}" for n, stem in enumerate(stems)}))
    _pictures(tmp_path / "images", range(1, 13), form)
    source = read(tmp_path)
    assert images(source) == [None] * 12
    assert "they may all be off by one; if they are right: --columns image:image" in "; ".join(source.notes)


def test_a_number_never_takes_the_image_of_another_row(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", "image,latex\n000.png,a\n001.png,b\n0,c\n")
    _pictures(tmp_path / "images", range(2), "{:03d}.png")
    assert images(read(tmp_path))[2] not in ("images/000.png", "images/001.png")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("image_id", "{}"),
        ("pic", "{}"),
        ("line", "{}"),
        ("pic", "{:03d}.png"),
        ("pic", "{:03d}.jpg"),
        ("meta", '{{"pic": "{:03d}.png"}}'),
    ],
)
@pytest.mark.parametrize("index", ["id", "", "index"])
def test_another_column_that_may_name_the_images_is_asked_about(
    column: str, value: str, index: str, tmp_path: Path
) -> None:
    mine = [n * 5 % 12 for n in range(12)]
    pd.DataFrame(
        {index: range(12), column: [value.format(n) for n in mine], "latex": [f"x_{{{n}}}" for n in mine]}
    ).to_csv(tmp_path / "labels.csv", index=False)
    _pictures(tmp_path / "images", range(12), "{:03d}.png")
    source = read(tmp_path)
    assert images(source) == [None] * 12
    assert f"--columns image:{column}" in "; ".join(source.notes)


def test_another_file_may_have_the_same_images(tmp_path: Path) -> None:
    for name in ("train", "test"):
        _table(tmp_path / f"{name}.csv", range(6), texts=[f"{name}_{n}" for n in range(6)])
    _pictures(tmp_path / "images", range(6), "{:03d}.png")
    for path in (tmp_path, tmp_path / "test.csv"):
        assert set(images(read(path))) == {None}
    assert "train.csv may have the same images" in _notes(tmp_path / "test.csv")
    assert images(read(tmp_path / "test.csv", columns={"image": "id"})) == [f"images/{n:03d}.png" for n in range(6)]
    (tmp_path / "train.csv").unlink()
    assert images(read(tmp_path / "test.csv")) == [f"images/{n:03d}.png" for n in range(6)]


@pytest.mark.parametrize("start", [10**17, 10**18, 2**63, 10**25])
def test_names_that_are_too_long_for_numbers(start: int, tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", [start + n for n in range(4)])
    _pictures(tmp_path / "images", [start + n for n in range(4)])
    assert images(read(tmp_path)) == [f"images/{start + n}.png" for n in range(4)]


def test_digits_of_other_scripts_and_negative_numbers_are_no_numbers(tmp_path: Path) -> None:
    _table(tmp_path / "labels.csv", range(6))
    for form in ("-{}.png", "{}.png"):
        _pictures(tmp_path / form[0], (n if form[0] == "-" else "".join(chr(0x660 + n)) for n in range(6)), form)
        assert set(images(read(tmp_path))) == {None}
    write(tmp_path / "labels.csv", "id,latex\n" + "".join(f"{chr(0x660 + n)},x_{n}\n" for n in range(6)))
    assert len(images(read(tmp_path))) == 6
