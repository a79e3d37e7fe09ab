"""`curate fix`: every format is written back with its labels fixed and every other byte unchanged."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import polars as pl
import pytest
from commands import curate
from hypothesis import given, settings
from hypothesis import strategies as st
from source_makers import M2E_LABEL, M2E_LINE, image, labels, read, write

import rules
from curate import fix as fixing
from curate.sources import parse_source
from curate.sources.places.file_text import one_line

M2E_TABLE = "\n".join(
    (
        r"\begin{tabular}{l}",
        r"$15.4 \times 4=61.6$ \\",
        r"15.4 \\",
        r"$\times \quad 4$ \\",
        r"\hline 61.6",
        r"\end{tabular}",
    )
)


def fixed(source: str | Path, level: str = "safe", profile: str = "default", **options: object) -> fixing.Fixed:
    return fixing.fix_source(parse_source(str(source)), rules.select(profile=profile), level, **options)  # type: ignore[arg-type]


def rewritten(source: str | Path, **options: object) -> str:
    """The text of the one file that changes when a source is fixed."""
    (file,) = fixed(source, **options).files.values()  # type: ignore[arg-type]
    return file.result()


# Formats --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "name", "text", "after"),
    [
        ("text", "l.txt", "$x$\n\n  y \r\nz", "x\n\ny\r\nz"),
        ("text", "l.txt", "\ufeff$x$\ny", "\ufeffx\ny"),
        ("hme100k", "l.txt", "a.jpg \t$x$\nno tab\nb.jpg\ty\n", "a.jpg \tx\nno tab\nb.jpg\ty\n"),
        ("mlhme38k", "l.txt", "a.jpg $x$\nb.jpg\t$y$\n", "a.jpg x\nb.jpg\ty\n"),
        ("m2e", "l.tsv", "a.jpg\t$x$\n", "a.jpg\tx\n"),
        ("crohme", "caption.txt", "id_1\t$x$\nid_2 $y$\n", "id_1\tx\nid_2 y\n"),
        ("im2latex", "formulas.lst", b"$x$ \xe9\n$y$\n".decode("latin-1"), "$x$ \xe9\ny\n"),
        ("im2latex", "t", "formula,image\n$a$,x.png\n$b$,y.png\n", "formula,image\na,x.png\nb,y.png\n"),
        ("text", "a.inkml", "$x$\n", "x\n"),
        ("csv", "l.csv", 'id,label\r\n1,$x$\r\n2,"$y$"\r\n"3, a","$\na$"\r\n', 'id,label\r\n1,x\r\n2,"y"\r\n"3, a","a"\r\n'),  # noqa: E501
        ("csv", "l.csv", 'label,id\n"$""a,b""$",1\n$x$,"2"\n', 'label,id\n"""a,b""",1\nx,"2"\n'),
        ("tsv", "l.tsv", 'id\tlabel\n1\t$x$\n2\t"$y$"\n3\t"$z$\n', 'id\tlabel\n1\tx\n2\t"y"\n3\t"$z$\n'),
        ("jsonl", "l.jsonl", '{"a" : 1 ,"label":"$x$" , "b": 0}\n\n"y"\n', '{"a" : 1 ,"label":"x" , "b": 0}\n\n"y"\n'),
        ("jsonl", "l.jsonl", '{"label": "q", "label": "$é$"}\n"$x$"\n', '{"label": "q", "label": "é"}\n"x"\n'),
        ("jsonl", "l.jsonl", '{"label": "$\\u00e9$"}\n', '{"label": "\\u00e9"}\n'),
        ("jsonl", "l.json", '[ "$x$",\n  "y" , {"label": "$z$"}]\n', '[ "x",\n  "y" , {"label": "z"}]\n'),
        ("jsonl", "l.json", '{"a.png": "$x$", "b.png": "y"}', '{"a.png": "x", "b.png": "y"}'),
        ("jsonl", "l.json", '{\n "label": "$x$"\n}\n', '{\n "label": "x"\n}\n'),
        ("mathwriting", "l.json", '["$x$", "y"]', '["x", "y"]'),
    ],
)  # fmt: skip
def test_a_format_is_written_back(form, name, text, after, tmp_path):
    encoding = "latin-1" if form == "im2latex" else "utf-8"
    path = write(tmp_path / name, text.encode(encoding))
    got = fixed(f"{form}:{path}")
    (file,) = got.files.values()
    assert file.encoded(file.result()) == after.encode(encoding)
    assert path.read_bytes() == text.encode(encoding)
    before = read(f"{form}:{path}")
    out = tmp_path / "out" / name
    fixing.write(got, out)
    again = read(f"{form}:{out}")
    wanted = [one_line(label) if form != "csv" else label for label in rules.fix(labels(before))["fixed"]]
    assert labels(again) == wanted


def test_a_table_is_one_line_where_a_row_is_a_line(tmp_path):
    options = {"level": "unsafe", "profile": "m2e"}
    one_line = M2E_TABLE.replace("\n", " ")
    tsv = write(tmp_path / "l.tsv", f"0.jpg\t{M2E_LABEL}\n")
    assert rewritten(f"m2e:{tsv}", **options) == f"0.jpg\t{one_line}\n"
    jsonl = write(tmp_path / "l.jsonl", M2E_LINE)
    got = fixed(jsonl, **options)
    assert json.loads(got.files["l.jsonl"].result()) == {"name": "0.jpg", "tex": M2E_TABLE}
    assert got.journal == [{"sample_id": "l/0.jpg", "rules": ["ESC010"], "before": M2E_LABEL, "after": M2E_TABLE}]
    table = write(tmp_path / "l.csv", f"id,tex\n1,{M2E_LABEL}\n")
    assert labels(read(write(tmp_path / "2.csv", rewritten(f"csv:{table}", **options)))) == [M2E_TABLE]
    assert fixed(f"m2e:{tsv}", **options).journal[0]["after"] == one_line


def test_im2latex_changes_the_formulas_that_its_index_names(tmp_path):
    write(tmp_path / "set" / "formulas.lst", "$a$\n$b$\n$c$\n")
    write(tmp_path / "set" / "train.lst", "1 img_b basic\n0 img_a basic\n")
    image(tmp_path / "set" / "img_a.png")
    got = fixed(tmp_path / "set")
    assert got.files["formulas.lst"].result() == "a\nb\n$c$\n"
    assert [row["sample_id"] for row in got.journal] == ["set/train/img_b", "set/train/img_a"]
    fixing.write(got, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["formulas.lst", "train.lst"]
    assert labels(read(f"im2latex:{tmp_path / 'out'}")) == ["b", "a"]
    assert fixed(tmp_path / "set" / "train.lst").files.keys() == {"formulas.lst"}


def test_a_folder_of_several_files(tmp_path):
    write(tmp_path / "set" / "train" / "caption.txt", "id_1\t$x$\n")
    write(tmp_path / "set" / "2014" / "caption.txt", "id_2\ty\n")
    got = fixed(f"crohme:{tmp_path / 'set'}")
    fixing.write(got, tmp_path / "out")
    assert (tmp_path / "out" / "train" / "caption.txt").read_text() == "id_1\tx\n"
    assert (tmp_path / "out" / "2014" / "caption.txt").read_text() == "id_2\ty\n"
    only = fixed(f"crohme:{tmp_path / 'set'}#2014")
    assert list(only.files) == ["2014/caption.txt"]


def test_gzip_goes_by_the_name_of_the_output(tmp_path):
    path = tmp_path / "l.txt.gz"
    path.write_bytes(gzip.compress(b"$x$\n"))
    got = fixed(f"text:{path}")
    fixing.write(got, tmp_path / "out.txt.gz")
    fixing.write(got, tmp_path / "out.txt")
    assert gzip.decompress((tmp_path / "out.txt.gz").read_bytes()) == b"x\n" == (tmp_path / "out.txt").read_bytes()


def test_named_columns(tmp_path):
    path = write(tmp_path / "l.jsonl", '{"label": "$no$", "mine": "$x$"}\n')
    assert rewritten(f"jsonl:{path}", columns={"label": "mine"}) == '{"label": "$no$", "mine": "x"}\n'
    path = write(tmp_path / "l.csv", "label,mine\n$no$,$x$\n")
    assert rewritten(f"csv:{path}", columns={"label": "mine"}) == "label,mine\n$no$,x\n"


def _columns(path: Path) -> dict[str, list[object]]:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pydict()


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["$x$", "y", "z  z", "x", "z z"])])
def test_parquet_keeps_every_other_column(kind, tmp_path):
    rows = {"id": [1, 2, 3], "label": ["$x$", "y", "z  z"], "image": [b"a", b"bb", None], "more": [[1], [], [2, 3]]}
    frame = pl.DataFrame(rows).with_columns(pl.col("label").cast(kind))
    frame.write_parquet(tmp_path / "l.parquet", row_group_size=2)
    got = fixed(tmp_path / "l.parquet")
    before = (tmp_path / "l.parquet").read_bytes()
    fixing.write(got, tmp_path / "out.parquet")
    assert (tmp_path / "l.parquet").read_bytes() == before
    assert _columns(tmp_path / "out.parquet") == {**rows, "label": ["x", "y", "z z"]}
    assert pl.read_parquet_schema(tmp_path / "out.parquet") == pl.read_parquet_schema(tmp_path / "l.parquet")
    assert [row["after"] for row in got.journal] == ["x", "z z"]
    diff = b"".join(got.diff(None)).decode()
    assert "-$x$\n+x\n y\n-z  z\n+z z\n" in diff
    assert "l.parquet#label" in diff


def test_parquet_shards_and_a_named_column(tmp_path):
    for n in range(2):
        pl.DataFrame({"mine": [f"${n}$"], "label": ["$no$"]}).write_parquet(
            write(tmp_path / "set" / f"train-0000{n}-of-00002.parquet", b"")
        )
    got = fixed(f"hf:{tmp_path / 'set'}", columns={"label": "mine"})
    fixing.write(got, tmp_path / "out")
    for n in range(2):
        after = _columns(tmp_path / "out" / f"train-0000{n}-of-00002.parquet")
        assert after == {"mine": [str(n)], "label": ["$no$"]}


def test_a_saved_data_set_is_one_again(tmp_path):
    datasets = pytest.importorskip("datasets")
    image(tmp_path / "a.png")
    features = datasets.Features(
        {"label": datasets.Value("string"), "image": datasets.Image(), "n": datasets.Value("int64")}
    )
    data = datasets.Dataset.from_dict(
        {"label": ["$x$", "y"], "image": [str(tmp_path / "a.png")] * 2, "n": [1, 2]}, features
    )
    other = datasets.Dataset.from_dict({"label": ["q"], "image": [str(tmp_path / "a.png")], "n": [3]}, features)
    datasets.DatasetDict(train=data, test=other).save_to_disk(str(tmp_path / "set"))
    got = fixed(tmp_path / "set")
    fixing.write(got, tmp_path / "out")
    back = datasets.load_from_disk(str(tmp_path / "out"))
    assert back["train"]["label"][:] == ["x", "y"]
    assert back["train"]["n"][:] == [1, 2]
    assert back["train"].features == features
    assert back["train"][0]["image"].size == (6, 4)
    assert back["test"]["label"][:] == ["q"]
    # `datasets` caches by fingerprint: changed splits get a new one, unchanged splits keep theirs.
    before = datasets.load_from_disk(str(tmp_path / "set"))
    assert back["train"]._fingerprint != before["train"]._fingerprint
    assert back["test"]._fingerprint == before["test"]._fingerprint
    fixing.write(fixed(f"{tmp_path / 'set'}#test"), tmp_path / "part")
    assert list(datasets.load_from_disk(str(tmp_path / "part"))) == ["test"]
    fixing.write(fixed(tmp_path / "set" / "train"), tmp_path / "one")
    assert datasets.load_from_disk(str(tmp_path / "one"))["label"][:] == ["x", "y"]


def test_an_image_folder_with_a_table(tmp_path):
    image(tmp_path / "set" / "a.png")
    pl.DataFrame({"file_name": ["a.png"], "text": ["$x$"]}).write_parquet(tmp_path / "set" / "metadata.parquet")
    fixing.write(fixed(f"imagefolder:{tmp_path / 'set'}"), tmp_path / "out")
    assert _columns(tmp_path / "out" / "metadata.parquet") == {"file_name": ["a.png"], "text": ["x"]}


_INK = (
    '<?xml version="1.0" encoding="{}"?>\n<ink xmlns="http://www.w3.org/2003/InkML">\n'
    "<annotation type='note' about=\"a > b\">é $no$</annotation>\n"
    '<annotation type="truth" >{}</annotation>\n<traceGroup><annotation type="truth">$no$</annotation></traceGroup>\n'
    '<trace id="0">1 2, 3 4</trace></ink>\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "ISO-8859-1"])
def test_inkml_keeps_all_but_the_truth(encoding, tmp_path):
    folder = tmp_path / "set"
    write(folder / "a.inkml", _INK.format(encoding, "$a &lt; b$").encode(encoding))
    write(folder / "b.inkml", _INK.format(encoding, "<![CDATA[$x<y$]]>").encode(encoding))
    write(folder / "c.inkml", _INK.format(encoding, "y").encode(encoding))
    fixing.write(fixed(f"crohme:{folder}"), tmp_path / "out")
    for name, label in (("a", "a &lt; b"), ("b", "x&lt;y"), ("c", "y")):
        assert (tmp_path / "out" / f"{name}.inkml").read_bytes() == _INK.format(encoding, label).encode(encoding)
    assert labels(read(f"crohme:{tmp_path / 'out'}")) == ["a < b", "x<y", "y"]
    fixing.write(fixed(folder / "a.inkml"), tmp_path / "a.inkml")
    assert (tmp_path / "a.inkml").read_bytes() == _INK.format(encoding, "a &lt; b").encode(encoding)


def test_mathwriting_ink_has_another_annotation(tmp_path):
    text = '<ink><annotation type="label">$no$</annotation><annotation type="normalizedLabel">{}</annotation></ink>'
    write(tmp_path / "set" / "train" / "a.inkml", text.format("$x$"))
    write(tmp_path / "set" / "valid" / "b.inkml", text.format("y"))
    fixing.write(fixed(f"mathwriting:{tmp_path / 'set'}"), tmp_path / "out")
    assert (tmp_path / "out" / "train" / "a.inkml").read_text() == text.format("x")
    assert (tmp_path / "out" / "valid" / "b.inkml").read_text() == text.format("y")


def test_a_text_file_for_each_picture(tmp_path):
    for name, text in (("b", "\ufeff$x$\r\n"), ("a", "y"), ("c", "a \\\\ b  \n")):
        write(tmp_path / "set" / f"{name}.txt", text)
        image(tmp_path / "set" / f"{name}.png")
    fixing.write(fixed(f"mlhme38k:{tmp_path / 'set'}"), tmp_path / "out")
    after = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert after == {"a.txt": b"y", "b.txt": "\ufeffx\r\n".encode(), "c.txt": b"a \\\\ b\n"}


# Properties -----------------------------------------------------------------------------------------------------------

_PIECE = st.sampled_from(
    ["$", "x", " ", "  ", "x^2", r"\label{a}", r"\quad", '"', ",", "é", "中", r"\n", r"\t", "{", "}", "\\"]
)
_LABEL = st.lists(_PIECE, min_size=1, max_size=6).map("".join).filter(lambda text: text.strip() != "")
_LABELS = st.lists(_LABEL, min_size=1, max_size=6)


def _check_back(name: str, data: str, texts: list[str], others: object) -> None:
    """Check that fixing a file fixes the labels and that `others`, which extracts the rest, finds it unchanged."""
    with tempfile.TemporaryDirectory() as folder:
        form = {"txt": "text"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
        path = write(Path(folder) / name, data)
        after = rewritten(f"{form}:{path}")
        back = write(Path(folder) / f"back-{name}", after)
        assert labels(read(f"{form}:{back}")) == rules.fix(texts)["fixed"].to_list()
        assert others(after) == others(data)  # type: ignore[operator]


@settings(max_examples=30)
@given(_LABELS, st.booleans())
def test_jsonl_keeps_every_other_byte(texts, ascii_only):
    rows = [{"id": at, "label": text, "more": {"label": "$"}} for at, text in enumerate(texts)]
    data = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)

    def others(text: str) -> list[object]:
        return [(row["id"], row["more"]) for row in map(json.loads, text.splitlines())]

    _check_back("l.jsonl", data, texts, others)


@settings(max_examples=30)
@given(_LABELS, st.sampled_from([",", "\t"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_tables_keep_every_other_field(texts, delimiter, quoting):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
    writer.writerows([["id", "label", "note"], *([at, text, 'a "b", c'] for at, text in enumerate(texts))])

    def others(text: str) -> list[object]:
        return [(row[0], row[2]) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]

    _check_back("l.csv" if delimiter == "," else "l.tsv", out.getvalue(), texts, others)


@settings(max_examples=30)
@given(_LABELS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_lines_keep_their_ends(texts, end, last):
    _check_back("l.txt", end.join(texts) + (end if last else ""), texts, lambda text: text.count(end))


# Diff -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["x", "$y$", "$z$"]), min_size=1, max_size=40), st.booleans())
def test_patch_makes_of_the_diff_what_fix_writes(texts, last):
    if shutil.which("patch") is None:
        pytest.skip("no patch program")
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "l.txt", "\n".join(texts) + ("\n" if last else ""))
        got = fixed(f"text:{path}")
        diff = b"".join(got.diff(None))
        assert (diff == b"") == (not got.journal)
        if diff:
            subprocess.run(["patch", "-s", str(path)], input=diff, check=True, cwd=folder)
        assert path.read_text() == got.files["l.txt"].result()


def test_a_diff_has_three_lines_of_context(tmp_path):
    path = write(tmp_path / "l.txt", "".join(f"{n}\n" for n in range(1, 8)) + "$x$\n")
    assert b"".join(fixed(f"text:{path}").diff(Path("new.txt"))).decode() == (
        f"--- {path}\n+++ new.txt\n@@ -5,4 +5,4 @@\n 5\n 6\n 7\n-$x$\n+x\n"
    )


# Command --------------------------------------------------------------------------------------------------------------


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "l.txt", "$x$\ny\n$ \\foo $\n")
    out = tmp_path / "out.txt"
    assert curate("fix", f"text:{path}", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "DLM001  outer-delimiters      1        1  1 can't be read afterwards" in printed
    assert "1 of 3 labels changed" in printed
    assert out.read_text() == "x\ny\n$ \\foo $\n"
    made, refused = map(json.loads, fixing.journal_of(out).read_text().splitlines())
    assert made == {"sample_id": "l/1", "rules": ["DLM001"], "before": "$x$", "after": "x"}
    label = r"$ \foo $"
    why = {"DLM001": "not-readable"}
    assert refused == {"sample_id": "l/3", "rules": [], "before": label, "after": label, "refused": why}
    # Neither the input nor any other file is overwritten; if one would be, nothing is written.
    for target in (path, out):
        assert curate("fix", f"text:{path}", "--out", target) == 2
        assert "overwrites nothing" in capsys.readouterr().err
    out.unlink()
    journal = fixing.journal_of(out).read_bytes()
    assert curate("fix", f"text:{path}", "--out", out) == 0  # the same command again
    assert (out.read_text(), fixing.journal_of(out).read_bytes()) == ("x\ny\n$ \\foo $\n", journal)
    out.unlink()
    path.write_text("$z$\n", encoding="utf-8")
    capsys.readouterr()
    assert curate("fix", f"text:{path}", "--out", out) == 2
    assert "journal.jsonl: already exists; curate fix overwrites nothing" in capsys.readouterr().err
    assert not out.exists()
    assert fixing.journal_of(out).read_bytes() == journal
    assert curate("fix", f"text:{path}") == 2
    assert "--out PATH" in capsys.readouterr().err


def test_diff_writes_nothing(tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "l.txt", "$x$\n")
    assert curate("fix", f"text:{path}", "--diff", "--out", "new.txt") == 0
    assert capsysbinary.readouterr().out == f"--- {path}\n+++ new.txt\n@@ -1,1 +1,1 @@\n-$x$\n+x\n".encode()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["l.txt"]


def test_selection_profile_and_levels_from_flags_and_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "l.txt", "$x  y \\, z$\n")
    outs = iter(tmp_path / f"{n}.txt" for n in range(9))

    def after(*options: str) -> str:
        out = next(outs)
        assert curate("fix", f"text:{path}", "--out", out, *options) == 0
        return out.read_text()

    assert after() == "x y \\, z\n"
    assert after("--select", "WSP") == "$x y \\, z$\n"
    assert after("--ignore", "outer-delimiters") == "$x y \\, z$\n"
    assert after("--unsafe-fixes") == "x y \\, z\n"
    assert after("--unsafe-fixes", "--style", "rules") == "x y z\n"
    write(tmp_path / "texsieve.toml", '[fixes]\nDLM001 = "unsafe"\nWSP004 = "display"\n')
    assert after() == "$x y \\, z$\n"
    assert after("--unsafe-fixes") == "x y \\, z\n"
    write(tmp_path / "texsieve.toml", '[fixes]\nDLM001 = "sure"\n')
    assert curate("fix", f"text:{path}", "--out", next(outs)) == 2


# Real files -----------------------------------------------------------------------------------------------------------


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("im2latex/im2markup_sample/formulas.lst", "formulas.lst"),
        ("crohme/2014/caption.txt", "caption.txt"),
        ("crohme/crohme2023_val_captions.json", "crohme2023_val_captions.json"),
    ],
)
def test_real_files(path, name, shared_data):
    before = read(shared_data / path)
    got = fixed(shared_data / path, style="rules")
    file = got.files[name]
    with tempfile.TemporaryDirectory() as folder:
        form = "text" if before.format == "im2latex" else before.format
        back = write(Path(folder) / name, file.result())
        after = set(labels(read(f"{form}:{back}")))
    done = {row["sample_id"]: row["after"] for row in got.journal}
    assert done
    assert set(done.values()) <= after
    stays = before.frame.filter(~before.frame["sample_id"].is_in(list(done)))["label"]
    assert {label for label in stays if label.strip()} <= after
    assert len(file.result().split("\n")) == len(file.text.split("\n"))
