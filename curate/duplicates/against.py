"""Other data sets that the samples are compared with (`curate audit --against`): runs, files of hashes, hash packs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import rules
from curate.base.errors import UserError
from curate.duplicates import packs
from curate.duplicates.hashes import IMAGE, LABEL, hash64, hashes_of, read_hashes
from curate.runs.folder import is_there, load_run
from rules.sets.same_label import picture


@dataclass(frozen=True)
class KnownSet:
    """Another data set: its name, its kind (`run` or `hashes`), and its hashes with kind, hash and long."""

    name: str
    kind: str
    version: str
    licence: str
    hashes: pl.DataFrame

    def facts(self) -> dict[str, Any]:
        """Its entry in summary.json."""
        counts = dict(self.hashes.group_by("kind").len().iter_rows())
        return {
            "name": self.name,
            "kind": self.kind,
            "version": self.version,
            "licence": self.licence,
            "labels": counts.get(LABEL, 0),
            "images": counts.get(IMAGE, 0),
        }


def load_known(paths: Sequence[Path]) -> list[KnownSet]:
    """Read the sets to compare the samples with: run folders, files of hashes, or names of packs (`packs`).

    Two with the same name are told apart by a number. Raises UserError if one is none of these, or has keys of another
    version.
    """
    found: list[KnownSet] = []
    for path in paths:
        known = _load(path)
        taken = {other.name for other in found}
        name, number = known.name, 2
        while name in taken:
            name, number = f"{known.name}~{number}", number + 1
        found.append(KnownSet(name, known.kind, known.version, known.licence, known.hashes))
    return found


def _load(path: Path) -> KnownSet:
    if is_there(path) and path.is_dir():
        run = load_run(path)
        _check_version(path, run.summary.get("key_version"), f"audit {path} again")
        return KnownSet(path.absolute().name, "run", "", "", hashes_of(run.samples))
    pack = None if path.exists() else packs.find_pack(str(path))
    if pack is None and not path.exists():
        raise UserError(packs.not_found(str(path)))
    frame, metadata = read_hashes(pack or path)
    way_out = "get a newer pack, or make it again with: curate hashes" if pack else "make it again with: curate hashes"
    _check_version(pack or path, metadata.get("key_version"), way_out)
    name = metadata.get("name") or path.stem
    return KnownSet(name, "hashes", metadata.get("version", ""), metadata.get("licence", ""), frame)


def _check_version(path: Path, version: object, way_out: str) -> None:
    if str(version) != str(rules.KEY_VERSION):
        raise UserError(
            f"{path}: made with visual keys of version {version}, but this is version {rules.KEY_VERSION}; {way_out}"
        )


def with_known(samples: pl.LazyFrame, known: Sequence[KnownSet]) -> pl.LazyFrame:
    """The samples with the columns against_labels and against_images: names of the sets that contain a sample's label
    (by its group) or image (by its pixels), as lists, empty if none does. Needs label_group, image_sha256 and
    image_phash."""
    hashes = {LABEL: hash64("label_group"), IMAGE: hash64(picture())}
    for kind, own in hashes.items():
        names = [
            pl.when(own.is_in(item.hashes.filter(pl.col("kind") == kind)["hash"].implode()))
            .then(pl.lit(item.name))
            .otherwise(pl.lit(None, pl.String))
            for item in known
        ]
        held = pl.concat_list(*names).list.drop_nulls() if names else pl.lit([], pl.List(pl.String))
        samples = samples.with_columns(held.alias(f"against_{kind}s"))
    return samples
