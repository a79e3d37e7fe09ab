"""Malicious or careless archives: each gets a one-line message, and nothing is written outside the cache folder."""

from __future__ import annotations

import io
import lzma
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import time
import zipfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from archive_makers import png, tarred, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_makers import images, labels, read, write

from curate.archives import cache, contents, names, tars
from curate.archives.opening import open_archive
from curate.base.errors import UserError
from curate.images.errors import ImageError
from curate.images.opening import open_image, probe, read_bytes

GOOD = {"labels.txt": "0.png\tx\n1.png\ty\n", "img/0.png": png(10), "img/1.png": png(11)}
OUT = [
    "../../evil.txt",
    "/tmp/evil-absolute.txt",
    "a/../../evil.txt",
    "C:\\evil.txt",
    "..\\..\\evil.txt",
    "\\\\host\\evil",
]


def _below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "a" / "b" / "c"
    members = {**GOOD, **dict.fromkeys(OUT, "evil")}
    path = (zipped if kind == "zip" else tarred)(home / f"d.{kind}", members)
    source = read(path)
    assert labels(source) == ["x", "y"]
    assert source.notes[f"d.{kind}: {names.LEAVES}"] == len(OUT)
    assert _below(tmp_path) == {"a", "a/b", "a/b/c", f"a/b/c/d.{kind}"}
    assert not Path("/tmp/evil-absolute.txt").exists()
    for name in OUT:
        with pytest.raises(ImageError):
            read_bytes(home, f"d.{kind}#{name}")
        with pytest.raises(ImageError):
            read_bytes(home, f"d.{kind}#{name}.parquet#image:0")


def test_links_and_devices(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.txt", "0.png\tsecret\n")
    with tarfile.open(tmp_path / "d.tar", "w") as out:
        for at, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(f"labels{at}.txt")
            member.type, member.linkname = kind, str(secret)
            out.addfile(member)
        for name, data in GOOD.items():
            member = tarfile.TarInfo(name)
            data = data.encode() if isinstance(data, str) else data
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as zipfile_out:
        for name, data in GOOD.items():
            zipfile_out.writestr(name, data)
        link = zipfile.ZipInfo("more_labels.txt")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        zipfile_out.writestr(link, str(secret))
    for name, count in (("d.tar", 4), ("d.zip", 1)):
        source = read(tmp_path / name)
        assert labels(source) == ["x", "y"]
        assert source.notes[f"{name}: {names.LINK}"] == count


@pytest.mark.skipif(shutil.which("zip") is None, reason="writes with the command zip")
def test_encrypted_members(tmp_path: Path) -> None:
    for name, data in GOOD.items():
        write(tmp_path / name, data)
    subprocess.run(["zip", "-q", "-P", "secret", "d.zip", "img/0.png"], cwd=tmp_path, check=True)
    subprocess.run(["zip", "-q", "d.zip", "labels.txt", "img/1.png"], cwd=tmp_path, check=True)
    source = read(tmp_path / "d.zip")
    assert source.notes[f"d.zip: {names.ENCRYPTED}"] == 1
    assert images(source)[1] == "d.zip#img/1.png"
    subprocess.run(["zip", "-q", "-P", "secret", "e.zip", "img/0.png", "labels.txt"], cwd=tmp_path, check=True)
    with pytest.raises(UserError, match="2 encrypted members"):
        read(tmp_path / "e.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    for name, second in (("same.zip", png(10)), ("other.zip", png(20))):
        zipped(tmp_path / name, GOOD)
        with zipfile.ZipFile(tmp_path / name, "a", zipfile.ZIP_DEFLATED) as out:
            out.writestr("img/0.png", second)
    assert read(tmp_path / "same.zip").notes == {}
    found = open_archive(tmp_path / "other.zip")
    assert "img/0.png" not in found.members
    assert found.left_out == {names.TWICE: 2}
    tarred(tmp_path / "t.tar", GOOD)
    with tarfile.open(tmp_path / "t.tar", "a") as tar:
        member = tarfile.TarInfo("img/0.png")
        member.size = len(png(20))
        tar.addfile(member, io.BytesIO(png(20)))
    found = open_archive(tmp_path / "t.tar")
    assert found.read("img/0.png") == png(20), "as tar -x has it"
    assert found.left_out == {names.TWICE_LAST_COUNTS: 1}


def test_odd_names(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "d.zip", {**GOOD, "img/a\x1b[31m.png": b"", "IMG/0.png": png(3), "__MACOSX/img/._0.png": b""}
    )
    assert open_archive(path).left_out == {names.NOT_TEXT: 1, names.ALIKE: 1}
    # Chinese Windows writes names in GBK without saying so.
    raw = "图片/公式1.png".encode("gbk")
    data = zipped(tmp_path / "e.zip", {"N" * len(raw): png(5)}).read_bytes().replace(b"N" * len(raw), raw)
    (tmp_path / "e.zip").write_bytes(data)
    assert list(open_archive(tmp_path / "e.zip").members) == ["图片/公式1.png"]
    assert open_image(tmp_path, "e.zip#图片/公式1.png").size == (5, 4)
    with tarfile.open(tmp_path / "f.tar", "w", encoding="gbk", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("图片/公式1.png")
        member.size = len(png(5))
        tar.addfile(member, io.BytesIO(png(5)))
    assert list(open_archive(tmp_path / "f.tar").members) == ["图片/公式1.png"]
    zipped(tmp_path / "g.zip", {"a": "x", "a/b.txt": "y", "n" * 300 + ".txt": "z", "labels.txt": "0.png\tx\n"})
    assert labels(read(f"hme100k:{tmp_path / 'g.zip'}")) == ["x"]


def _lying_zip(path: Path, members: int, size: int) -> Path:
    """Many members that share the same few bytes and each claim to be large."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(b"\0" * size) + packer.flush()
    crc = zlib.crc32(b"\0" * size)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(data), size, 5, 0) + b"a.png" + data
    central = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(data), size, 9, 0, 0, 0, 0, 0, 0)
        + f"{at:05d}.png".encode()
        for at in range(members)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, members, members, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="zip bomb"):
        read(_lying_zip(tmp_path / "d.zip", 60_000, 1 << 20))
    monkeypatch.setattr(contents, "BOMB_BYTES", 1 << 22)
    with lzma.open(tmp_path / "d.tar.xz", "wb") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for at in range(40):
            member = tarfile.TarInfo(f"{at}.png")
            member.size = 1 << 20
            tar.addfile(member, io.BytesIO(b"\0" * member.size))
    with pytest.raises(UserError, match="refused as a bomb"):
        read(tmp_path / "d.tar.xz")
    monkeypatch.setattr(contents, "MAX_PICTURE", 1000)
    monkeypatch.setattr(tars, "MAX_PICTURE", 1000)
    zipped(tmp_path / "e.zip", {"labels.txt": "0.png\tx\n1.png\ty\n", "0.png": b"\0" * 2000, "1.png": png(5)})
    source = read(tmp_path / "e.zip")
    assert "too large" in probe(source.root, ["e.zip#0.png"])["error"][0]
    tarred(tmp_path / "f.tar", {"labels.txt": "0.png\tx\n1.png\ty\n", "0.png": b"\0" * 2000, "1.png": png(5)})
    assert read(tmp_path / "f.tar").notes == {f"f.tar: {names.TOO_LARGE}": 1}
    monkeypatch.setattr(contents, "MAX_MEMBERS", 2)
    monkeypatch.setattr(tars, "MAX_MEMBERS", 2)
    for path in (zipped(tmp_path / "g.zip", GOOD), tarred(tmp_path / "g.tar", GOOD)):
        with pytest.raises(UserError, match="more than 2"):
            read(path)


def test_a_header_that_claims_to_be_huge(tmp_path: Path) -> None:
    """Member names may have blocks of their own; a hostile one is gigabytes long."""
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE):
        header = tarfile.TarInfo("x")
        header.type, header.size = kind, 5 << 20
        data = header.tobuf(tarfile.GNU_FORMAT) + b"a" * header.size + tarred(tmp_path / "t.tar", GOOD).read_bytes()
        (tmp_path / "d.tar").write_bytes(data)
        with pytest.raises(UserError, match="a header of"):
            read(tmp_path / "d.tar")


def test_archives_that_are_cut_off(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "w.zip", GOOD).read_bytes()
    write(tmp_path / "d.zip", whole[: len(whole) // 2])
    for mode, ending in (("w", "tar"), ("w:gz", "tar.gz"), ("w:xz", "tar.xz"), ("w:bz2", "tar.bz2")):
        whole = tarred(tmp_path / f"w.{ending}", {**GOOD, "img/2.png": os.urandom(9000)}, mode).read_bytes()
        write(tmp_path / f"d.{ending}", whole[: min(len(whole) - 100, 7000)])
    write(tmp_path / "e.tar", b"this is no archive\n")
    for name in ("d.zip", "d.tar", "d.tar.gz", "d.tar.xz", "d.tar.bz2", "e.tar"):
        with pytest.raises(UserError, match="is it whole") as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not list(cache.folder().iterdir()), "whole or absent"


def test_broken_members_are_errors_of_their_pictures(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name, data in GOOD.items():
            out.writestr(name, data)
    path.write_bytes(path.read_bytes().replace(png(11), png(11)[:-1] + b"?"))
    frame = probe(tmp_path, ["d.zip#img/0.png", "d.zip#img/1.png", "d.zip#img/9.png"], measures=True)
    assert [error and error[:28] for error in frame["error"]] == [None, "img/1.png can't be read: Bad", "no such file"]


def test_no_room_and_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tarred(tmp_path / "d.tar", GOOD)
    monkeypatch.setattr(cache, "_ROOM", 1 << 60)
    with pytest.raises(UserError, match="no room"):
        read(path)
    write(tmp_path / "file", "")
    monkeypatch.setenv("TEXSIEVE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="TEXSIEVE_CACHE"):
        read(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_damaged_archives_are_one_line(data: st.DataObject, tmp_path: Path) -> None:
    ending, mode = data.draw(st.sampled_from([("zip", ""), ("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz")]))
    path = tmp_path / f"d.{ending}"
    whole = bytearray((tarred(path, GOOD, mode) if mode else zipped(path, GOOD)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    os.utime(path, ns=(data.draw(st.integers(1, 10**18)),) * 2)
    try:
        source = read(path)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    probe(source.root, [str(ref) for ref in images(source) if ref])


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_no_name_leads_out(parts: list[str]) -> None:
    name, refused = names.tidy("/".join(parts))
    if refused is None:
        assert name == os.path.normpath(name)
        assert not name.startswith(("/", ".."))
        assert Path("/root", name).is_relative_to("/root")
    assert Counter([refused]) <= Counter([None, names.LEAVES, names.NOT_TEXT])


def test_one_process_unpacks_and_the_others_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tarred(tmp_path / "d.tar", GOOD)
    calls: list[Path] = []

    def slow(archive: Path, target: Path) -> None:
        calls.append(target)
        time.sleep(0.2)
        repack(archive, target)

    repack = tars.repack
    monkeypatch.setattr(tars, "repack", slow)
    with ThreadPoolExecutor(4) as pool:
        found = [set(contents.members) for contents in pool.map(open_archive, [path] * 4)]
    assert found == [set(GOOD)] * 4
    assert len(calls) == 1


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path = tarred(tmp_path / "d.tar", GOOD)
    open_archive(path)
    (entry,) = cache.folder().iterdir()
    entry.rename(entry.with_name(f".{entry.name}.unfinished"))
    read(path)
    assert sorted(left.suffix for left in cache.folder().iterdir()) == [".tree", ".zip"]
