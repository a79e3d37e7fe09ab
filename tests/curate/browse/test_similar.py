"""Vectors of samples without a model: planted near-duplicates are nearest, and nothing is random."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import rules
from curate.audit import AuditOptions, audit
from curate.browse.likeness.similar import image_vectors, label_vectors, plane, reduced, uniqueness, vectors
from curate.render import render_png
from curate.runs.folder import load_run
from curate.sources import parse_source


def formulas(number: int) -> list[str]:
    rng = random.Random(7)
    shapes = (
        r"\frac{{{0}}}{{{1}+{2}}}",
        r"{0}^{{{1}}} = \sqrt{{{2}}}",
        r"\sum_{{{0}=1}}^{{{1}}} {2}_{0}",
        r"\int_{{0}}^{{{1}}} \sin {0} d {2}",
        r"\lim_{{{0} \to \infty}} \frac{{{1}}}{{{2}}}",
    )
    symbols = [*"abcdeghkmnpqrstuvwxyz", r"\alpha", r"\beta", r"\lambda", r"\phi"]
    return [shapes[n % len(shapes)].format(*rng.sample(symbols, 3)) + f" + {n}" for n in range(number)]


def photo(label: str, scale: float, seed: int) -> Image.Image:
    """The formula on grey paper with noise, slightly out of focus."""
    drawn = Image.open(io.BytesIO(render_png(label, scale=scale))).convert("L").filter(ImageFilter.GaussianBlur(0.6))
    noise = np.random.default_rng(seed).normal(0, 6, (drawn.height, drawn.width))
    return Image.fromarray(np.clip(np.asarray(drawn) * 0.8 + 40 + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run of 40 formulas, each in two versions: another scale, other noise, other spaces in the label."""
    folder = tmp_path_factory.mktemp("similar")
    rows = []
    for number, label in enumerate(formulas(40)):
        for copy, (scale, text) in enumerate(((3.0, label), (4.1, label.replace(" + ", "  +")))):
            name = f"{number}-{copy}"
            photo(label, scale, 2 * number + copy).save(folder / f"{name}.png")
            rows.append({"id": name, "label": text, "image": f"{name}.png"})
    source = folder / "s.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    audit([parse_source(str(source))], folder / "run", AuditOptions(ruleset=rules.select()))
    return folder / "run", [f"s/{row['id']}" for row in rows]


def nearest(found: np.ndarray) -> list[int]:
    alike = found @ found.T
    np.fill_diagonal(alike, -1)
    return alike.argmax(axis=1).tolist()


def test_planted_near_duplicates_are_nearest(planted: tuple[Path, list[str]]) -> None:
    path, ids = planted
    found = vectors(load_run(path), ids, None)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert nearest(found) == [at ^ 1 for at in range(len(ids))]
    assert reduced(found, 24).shape == (len(ids), 24)
    assert nearest(reduced(found, 24)) == nearest(found)


def test_the_image_alone_and_the_label_alone_find_most(planted: tuple[Path, list[str]]) -> None:
    path, ids = planted
    found = vectors(load_run(path), ids, None)
    cells = found.shape[1] - label_vectors(["x"]).shape[1]
    for half in (found[:, :cells], found[:, cells:]):
        right = sum(near == at ^ 1 for at, near in enumerate(nearest(half)))
        assert right >= 0.9 * len(ids)


def test_rows_follow_the_ids_and_unknown_ones_are_nothing(planted: tuple[Path, list[str]]) -> None:
    path, ids = planted
    run = load_run(path)
    turned = vectors(run, [ids[5], "s/unknown", ids[0]], None)
    straight = vectors(run, ids, None)
    assert np.array_equal(turned[0], straight[5])
    assert np.array_equal(turned[2], straight[0])
    assert not turned[1].any()


def test_labels_alone_are_enough_where_there_are_no_images(tmp_path: Path) -> None:
    source = tmp_path / "s.txt"
    source.write_text("\\frac{a}{b} + 1\nx ^ 2\n\\frac{a}{b}+1\n\n", encoding="utf-8")
    audit([parse_source(str(source))], tmp_path / "run", AuditOptions(ruleset=rules.select()))
    run = load_run(tmp_path / "run")
    ids = run.samples.collect()["sample_id"].to_list()
    found = vectors(run, ids, None)
    assert found[0] @ found[2] > 0.99 > found[0] @ found[1]


def test_what_is_not_there_has_no_direction() -> None:
    assert not label_vectors(["", "% a comment"]).any()
    assert not image_vectors([None], np.zeros(1, np.float32)).any()


def test_what_is_there_often_is_least_unique() -> None:
    rows = label_vectors(["a + b", "c ^ 2", r"\frac{d}{e}", "a + b", "a + b", "f", "a + b", r"\sqrt{g}"])
    found = uniqueness(rows)
    assert found[[0, 3, 4, 6]] == pytest.approx(0, abs=1e-6)
    assert found.max() == 1
    assert (found[[1, 2, 5, 7]] > 0.5).all()
    assert uniqueness(rows[:3]).tolist() == [1, 1, 1]


def test_the_plane_is_small_and_the_same_every_time(planted: tuple[Path, list[str]]) -> None:
    path, ids = planted
    found = vectors(load_run(path), ids, None)
    points = plane(found)
    assert points.shape == (len(ids), 2)
    assert np.abs(points).max() == pytest.approx(1)
    assert np.array_equal(points, plane(found))
    assert plane(found[:1]).tolist() == [[0, 0]]
