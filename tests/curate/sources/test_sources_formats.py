"""Every data set format as it really occurs: recognised by content, read completely, labels unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from source_makers import M2E_LABEL, M2E_LINE, ids, image, images, labels, read, write

from curate.base.errors import UserError
from curate.sources import recognise

# --- M2E, HME100K, MLHME-38K -----------------------------------------------------------------------------------------


def test_m2e_json_lines(tmp_path: Path) -> None:
    image(tmp_path / "images" / "0.jpg")
    path = write(tmp_path / "train.json", M2E_LINE + '{"name": "1.jpg", "tex": "a"}\n')
    source = read(path)
    assert source.format == "m2e"
    assert labels(source) == [M2E_LABEL, "a"]
    assert ids(source) == ["train/0.jpg", "train/1.jpg"]
    assert images(source) == ["images/0.jpg", "images/1.jpg"]  # the second is missing: a rule reports that
    assert source.root == tmp_path.resolve()


def test_m2e_tab_form_is_known_by_its_layout_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "m.txt", f"0.jpg\t{M2E_LABEL}\n1.jpg\t x ~ \n")
    source = read(path)
    assert source.format == "m2e"
    assert labels(source) == [M2E_LABEL, " x ~ "]


def test_hme100k_the_space_before_the_tab_belongs_to_the_name(tmp_path: Path) -> None:
    image(tmp_path / "train_images" / "train_0.jpg")
    path = write(tmp_path / "train_labels.txt", "train_0.jpg \t  1 \\times \t 2 \ntrain_1.jpg \t\n")
    source = read(path)
    assert source.format == "hme100k"
    assert labels(source) == ["  1 \\times \t 2 ", ""]  # an empty label is a sample; a rule reports it
    assert images(source) == ["train_images/train_0.jpg", "train_images/train_1.jpg"]


def test_a_folder_with_two_label_files_has_two_splits(tmp_path: Path) -> None:
    write(tmp_path / "train_labels.txt", "a.jpg \tx\nb.jpg \ty\n")
    write(tmp_path / "test_labels.txt", "a.jpg \tz\n")
    write(tmp_path / "README.txt", "about\n")
    image(tmp_path / "train" / "train_images" / "a.jpg")
    image(tmp_path / "train" / "train_images" / "b.jpg")
    image(tmp_path / "test" / "test_images" / "a.jpg")
    source = read(f"h={tmp_path}")
    assert source.format == "hme100k"
    assert dict(zip(ids(source), images(source), strict=True)) == {
        "h/test/a.jpg": "test/test_images/a.jpg",
        "h/train/a.jpg": "train/train_images/a.jpg",
        "h/train/b.jpg": "train/train_images/b.jpg",
    }
    assert ids(read(f"h={tmp_path}#test")) == ["h/test/a.jpg"]
    with pytest.raises(UserError, match="no split 'dev'; it has: test, train"):
        read(f"{tmp_path}#dev")


def test_a_split_names_a_single_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "a.jpg \tx\n")
    assert ids(read(f"s={path}#train")) == ["s/train/a.jpg"]
    assert read(f"s={path}#train").frame["split"].to_list() == ["train"]


def test_mlhme38k_lines_with_a_tab_or_a_space(tmp_path: Path) -> None:
    lines = "a.jpg\tx = 1 \\\\ y = 2\nb.jpg\t\\begin{cases} 1 \\end{cases}\n"
    tab = read(write(tmp_path / "labels.txt", lines))
    assert tab.format == "mlhme38k"
    assert labels(tab) == ["x = 1 \\\\ y = 2", "\\begin{cases} 1 \\end{cases}"]
    space = read(write(tmp_path / "spaced.txt", lines.replace("\t", " ")))
    assert space.format == "mlhme38k"
    assert labels(space) == labels(tab)
    assert images(space) == ["a.jpg", "b.jpg"]


def test_mlhme38k_one_text_file_an_image(tmp_path: Path) -> None:
    for stem, label in (("a", "x\n"), ("b", "x \\\\\ny\r\n"), ("c", "z"), ("d", " \n")):
        image(tmp_path / "set" / f"{stem}.jpg")
        write(tmp_path / "set" / f"{stem}.txt", label)
    source = read(tmp_path / "set")
    assert source.format == "mlhme38k"
    assert labels(source) == ["x", "x \\\\\ny", "z"]  # one terminator is removed, the inner ones stay
    assert images(source) == ["a.jpg", "b.jpg", "c.jpg"]
    assert ids(source) == ["set/a", "set/b", "set/c"]
    assert dict(source.unreadable.by_reason) == {"blank line": 1}


def test_mlhme38k_text_files_and_images_in_folders_of_their_own(tmp_path: Path) -> None:
    for stem in "ab":
        image(tmp_path / "images" / f"{stem}.jpg")
        write(tmp_path / "labels" / f"{stem}.txt", stem)
    source = read(f"mlhme38k:{tmp_path}")
    assert labels(source) == ["a", "b"]
    assert images(source) == ["images/a.jpg", "images/b.jpg"]


# --- im2latex --------------------------------------------------------------------------------------------------------


@pytest.fixture
def im2latex(tmp_path: Path) -> Path:
    """Three splits; a blank formula line counts; byte 0x85 (NEL) and a bare CR don't end a line; latin-1."""
    folder = tmp_path / "im2latex"
    write(folder / "formulas.lst", b"a_0\n\nb \xe9 \x85 \x0b c\nd\re\nunused\n")
    write(folder / "train.lst", "0 60ee748793 basic\n2 1015942522 basic\n")
    write(folder / "validate.lst", "3 66667cee5b basic\n")
    write(folder / "test.lst", "1 0cbb05a562 basic\n9 ed164cc822 basic\n\nrubbish\n")
    for name in ("60ee748793", "1015942522", "66667cee5b"):
        image(folder / "images" / f"{name}.png")
    return folder


def test_im2latex_index_join(im2latex: Path) -> None:
    source = read(im2latex)
    assert source.format == "im2latex"
    by_id = dict(zip(ids(source), labels(source), strict=True))
    assert by_id == {
        "im2latex/test/0cbb05a562": "",
        "im2latex/train/60ee748793": "a_0",
        "im2latex/train/1015942522": "b \xe9 \x85 \x0b c",
        "im2latex/validate/66667cee5b": "d\re",
    }
    assert set(images(source)) == {
        f"images/{name}.png" for name in ("60ee748793", "1015942522", "66667cee5b", "0cbb05a562")
    }
    assert dict(source.unreadable.by_reason) == {
        "the index names a formula past the end of the formulas file": 1,
        "blank line": 1,
        "not an index line (formula number, image name)": 1,
    }
    assert [(row.file, row.line) for row in source.unreadable.rows] == [
        ("test.lst", 2),
        ("test.lst", 3),
        ("test.lst", 4),
    ]
    assert source.notes == {
        "formula lines that no index names": 1,
        "rows paired by number; line 1 is number 0: there is a number 0": 5,
    }


def test_im2latex_by_its_formulas_file_or_one_index(im2latex: Path) -> None:
    assert (
        read(im2latex / "formulas.lst")
        .frame.drop("sample_id", "source")
        .equals(read(im2latex).frame.drop("sample_id", "source"))
    )
    assert ids(read(f"v={im2latex / 'validate.lst'}")) == ["v/validate/66667cee5b"]
    assert ids(read(f"i={im2latex}#validate")) == ["i/validate/66667cee5b"]


def test_im2latex_formulas_that_were_made_utf8_are_no_mojibake(im2latex: Path) -> None:
    write(im2latex / "formulas.lst", "α\n\nβ é\nd\n")
    assert set(labels(read(f"{im2latex}#train"))) == {"α", "β é"}


def test_im2latex_matching_file_with_the_image_first(tmp_path: Path) -> None:
    write(tmp_path / "train.formulas.norm.txt", "a\nb\n")
    write(tmp_path / "train.matching.txt", "0.png 1\n1.png 0\n")
    source = read(tmp_path)
    assert source.format == "im2latex"
    assert labels(source) == ["b", "a"]
    assert images(source) == ["0.png", "1.png"]


def test_im2latex_csv(tmp_path: Path) -> None:
    path = write(tmp_path / "im2latex_validate.csv", 'formula,image\n"a , ""b"" ,",1.png\n\\frac,2.png\n')
    source = read(path)
    assert source.format == "im2latex"
    assert labels(source) == ['a , "b" ,', "\\frac"]
    assert images(source) == ["1.png", "2.png"]
    write(tmp_path / "im2latex_train.csv", "formula,image\nx,3.png\n")
    image(tmp_path / "formula_images_processed" / "3.png")
    both = read(f"i={tmp_path}")
    assert ids(both) == ["i/train/3.png", "i/validate/1.png", "i/validate/2.png"]
    assert images(both)[0] == "formula_images_processed/3.png"


# --- CROHME, MathWriting ---------------------------------------------------------------------------------------------


def test_crohme_captions_with_tab_and_space(tmp_path: Path) -> None:
    image(tmp_path / "img" / "23_em_52.bmp")
    image(tmp_path / "img" / "513_em_320.bmp")
    path = write(tmp_path / "caption.txt", "23_em_52\t2 p\n513_em_320 k \t N \nlost_1 x\nnothing\n")
    source = read(path)
    assert source.format == "crohme"
    assert ids(source) == ["caption/23_em_52", "caption/513_em_320", "caption/lost_1"]
    assert labels(source) == ["2 p", "k \t N ", "x"]
    assert images(source) == ["img/23_em_52.bmp", "img/513_em_320.bmp", "img/lost_1.bmp"]
    assert dict(source.unreadable.by_reason) == {"no TAB or space between the id and the label": 1}


def test_crohme_folder_of_sets(tmp_path: Path) -> None:
    for name in ("train", "2014"):
        write(tmp_path / name / "caption.txt", "a_1\tx\n")
        image(tmp_path / name / "img" / "a_1.png")
    write(tmp_path / "crohme2023_train_captions.json", '["x"]')
    source = read(f"c={tmp_path}")
    assert source.format == "crohme"
    note = "files beside it that could hold labels and were not read: crohme2023_train_captions.json"
    assert source.notes == {note: 1}
    assert dict(zip(ids(source), images(source), strict=True)) == {
        "c/test_2014/a_1": "2014/img/a_1.png",
        "c/train/a_1": "train/img/a_1.png",
    }


@pytest.mark.parametrize(
    ("place", "asked", "split"),
    [
        ("2014/caption.txt", "2014/caption.txt", "test_2014"),
        ("2014/caption.txt", "2014", "test_2014"),
        ("2014/caption.txt", "2014#train", "train"),
        ("2014/caption.txt", "2014/caption.txt#2016", "test_2016"),
        ("set/2016/caption.txt", "set#2016", "test_2016"),
        ("train/caption.txt", "train", None),
    ],
)
def test_the_years_of_crohme_are_test_sets(tmp_path: Path, place: str, asked: str, split: str | None) -> None:
    write(tmp_path / place, "a_1\tx\n")
    source = read(f"crohme:{tmp_path}/{asked}")
    assert source.frame["split"].unique().to_list() == [split]
    other = write(tmp_path / "years/2014/labels.tsv", "image\tlabel\na.png\tx\n").parent
    assert read(f"tsv:{other}").frame["split"].null_count() == 1  # in other formats a year has no meaning


def test_crohme_without_images_has_none_and_says_of_an_archive_that_it_is_broken(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", "a_1\tx\n")
    assert images(read(path)) == [None]
    write(tmp_path / "img.tar.xz", b"")
    assert images(read(path)) == ["a_1"], "an image that is missing, not a label that has none"
    (note,) = read(path).notes
    assert note.startswith("archive not read: img.tar.xz: can't be read to its end as a tar file")


_CROHME_INK = """<ink xmlns="http://www.w3.org/2003/InkML">
<traceFormat><channel name="X" type="decimal"/></traceFormat>
<annotation type="truth">$a &lt; \\frac{1}{2} $</annotation>
<annotation type="writer">w1</annotation>
<trace id="0">1 2, 3 4</trace>
<traceGroup xml:id="1"><annotation type="truth">From ITF</annotation></traceGroup>
</ink>"""

_MATHWRITING_INK = """<ink xmlns="http://www.w3.org/2003/InkML">
<annotation type="label">a_1^2</annotation>
<annotation type="splitTagOriginal">train</annotation>
<annotation type="normalizedLabel">a_{1}^{2}</annotation>
<trace id="0">1 2 3</trace></ink>"""


def test_inkml(tmp_path: Path) -> None:
    write(tmp_path / "c" / "a.inkml", _CROHME_INK)
    write(tmp_path / "c" / "b.inkml", "<ink><annotation type='truth'>x</ann")
    write(tmp_path / "c" / "c.inkml", "<ink><annotation type='UI'>x</annotation></ink>")
    source = read(tmp_path / "c")
    assert source.format == "crohme"
    assert labels(source) == ["$a < \\frac{1}{2} $"]
    assert source.frame["writer"].to_list() == ["w1"]
    assert dict(source.unreadable.by_reason) == {"not valid InkML": 1, "the label is missing": 1}
    assert [row.file for row in source.unreadable.rows] == ["b.inkml", "c.inkml"]

    write(tmp_path / "m" / "train" / "a.inkml", _MATHWRITING_INK)
    source = read(tmp_path / "m")
    assert source.format == "mathwriting"
    assert labels(source) == ["a_{1}^{2}"]
    assert ids(source) == ["m/train/a"]
    assert source.frame["source_label"].to_list() == ["a_1^2"]
    assert recognise(tmp_path / "m" / "train" / "a.inkml").name == "mathwriting"
    assert ids(read(tmp_path / "m" / "train" / "a.inkml")) == ["a/train/a"]


def test_json_lists_of_labels(tmp_path: Path) -> None:
    text = json.dumps(["a \\t b", "a \t b", "1"], indent=4)
    for name, expected in (
        ("crohme2023_val_captions.json", "crohme"),
        ("mathwriting_valid_captions.json", "mathwriting"),
        ("captions.json", "jsonl"),
    ):
        source = read(write(tmp_path / name, text))
        assert source.format == expected
        assert labels(source) == ["a \\t b", "a \t b", "1"]
        assert ids(source)[2].endswith("/3")


# --- UniMER, text ----------------------------------------------------------------------------------------------------


def test_unimer_images_by_row_number(tmp_path: Path) -> None:
    for number in (0, 2):
        image(tmp_path / "spe" / f"{number:07d}.png")
    write(tmp_path / "spe.txt", "a\n\n c \n")
    source = read(tmp_path)
    assert source.format == "unimer"
    assert labels(source) == ["a", " c "]
    assert images(source) == ["spe/0000000.png", "spe/0000002.png"]  # the blank line keeps its number
    assert read(tmp_path / "spe.txt").frame["image"].to_list() == images(source)


def test_unimer_images_numbered_from_one(tmp_path: Path) -> None:
    image(tmp_path / "images" / "2.png")
    write(tmp_path / "train.txt", "a\nb\n")
    assert images(read(f"unimer:{tmp_path}")) == ["images/1.png", "images/2.png"]


def test_text(tmp_path: Path) -> None:
    source = read(write(tmp_path / "labels.txt", " a \t\r\n[ 0 , 1 ]\n\n{ x \\over y }\n1"))
    assert source.format == "text"
    assert labels(source) == [" a \t", "[ 0 , 1 ]", "{ x \\over y }", "1"]
    assert ids(source) == ["labels/1", "labels/2", "labels/4", "labels/5"]
    assert source.places.rows() == [("labels.txt", 1), ("labels.txt", 2), ("labels.txt", 4), ("labels.txt", 5)]
    assert dict(source.unreadable.by_reason) == {"blank line": 1}
