"""Every sample is checked before the first step: which fit, which don't and why, and if the arithmetic is right."""

from __future__ import annotations

from pathlib import Path
from random import Random

import polars as pl
import pytest
from PIL import Image
from stub_processor import StubProcessor, smart_resize
from toy_data import UNFIT, make_toy_data

from curate.base.errors import UserError
from curate.images.model_ready import model_image, model_size
from finetune.data.pairs import read_pairs
from finetune.settings.config import DataConfig
from finetune.train.collator import Formatter
from finetune.train.preflight import REASONS, check, is_verified


def _rows(images: list[Image.Image | None], labels: list[str] | None = None) -> object:
    import datasets

    names = [f"s/{place}" for place in range(len(images))]
    features = datasets.Features(
        {"image": datasets.Image(), **{name: datasets.Value("string") for name in ("label", "sample_id", "source")}}
    )
    columns = {"image": images, "label": labels or ["x"] * len(images), "sample_id": names, "source": names}
    return datasets.Dataset.from_dict(columns, features=features)


def _paper(width: int, height: int) -> Image.Image:
    return Image.new("L", (width, height), 255)


def test_what_does_not_fit_is_found_with_its_reason(tmp_path: Path) -> None:
    rows = read_pairs(str(make_toy_data(tmp_path)), "train").rows
    checked = check(rows, StubProcessor(), DataConfig(max_length=1500), decode=True)
    found = {row["sample_id"].rsplit("/", 1)[1]: row["reason"] for row in checked.unfit.iter_rows(named=True)}
    assert found == UNFIT
    assert checked.reasons() == dict.fromkeys(["no-image", "unreadable", "no-answer", "too-long"], 1)
    assert checked.fitting == list(range(16))
    assert set(checked.reasons()) <= set(REASONS)
    detail = dict(checked.unfit.select("reason", "detail").iter_rows())["too-long"]
    assert detail == f"{checked.frame['tokens'].max()} tokens, 6 of them the image"


def test_a_label_that_steers_the_model_does_not_fit() -> None:
    labels = ["a<|im_end|>b", "<|image_pad|>", "a < b | c > d"]
    checked = check(_rows([_paper(56, 56)] * 3, labels), StubProcessor(), DataConfig(), decode=True)
    assert checked.frame["reason"].to_list() == ["special-token", "special-token", None]
    assert checked.frame["detail"].to_list() == ["<|im_end|>", "<|image_pad|>", None]


def test_a_prompt_that_steers_the_model_is_refused() -> None:
    config = DataConfig(prompt="<|image_pad|> Read it.")
    with pytest.raises(UserError, match=r"the prompt contains the special token <\|image_pad\|>"):
        check(_rows([_paper(56, 56)]), StubProcessor(), config, decode=True)


def test_white_space_before_a_label_is_no_part_of_the_answer() -> None:
    """A line break there would merge with the template's own, and hide where the answer begins."""
    rows = _rows([_paper(56, 56)] * 2, ["\n\n x", "x "])
    assert check(rows, StubProcessor(), DataConfig(), decode=True).frame["answer_tokens"].to_list() == [1, 2]
    made = Formatter("?", "upscale")({"image": _paper(56, 56), "label": "\n\n x "})
    assert made["messages"][1]["content"] == [{"type": "text", "text": "x "}]


def test_the_limit_is_the_last_length_that_fits() -> None:
    rows = _rows([_paper(56, 56)] * 2, ["x" * 10, "x" * 11])
    frame = check(rows, StubProcessor(), DataConfig(), decode=True).frame
    limit = frame["tokens"][0]
    again = check(rows, StubProcessor(), DataConfig(max_length=limit), decode=True)
    assert again.frame["reason"].to_list() == [None, "too-long"]


def test_without_resizing_small_and_long_images_do_not_fit() -> None:
    images: list[Image.Image | None] = [_paper(27, 100), _paper(100, 28), _paper(28 * 201, 28), _paper(28 * 200, 28)]
    kept = check(_rows(images), StubProcessor(), DataConfig(resize="none"), decode=True)
    assert kept.frame["reason"].to_list() == ["side", None, "aspect", None]
    assert check(_rows(images), StubProcessor(), DataConfig(), decode=True).unfit.is_empty()


def test_an_image_whose_pixels_are_cut_off_is_found_only_where_images_are_decoded(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    noise = Random(0).randbytes(200 * 60)
    Image.frombytes("L", (200, 60), noise).save(file)
    file.write_bytes(file.read_bytes()[:2000])
    line = '{"image": "a.png", "label": "x"}\n{"image": "b.png", "label": "x"}\n'
    _paper(200, 60).save(tmp_path / "b.png")
    (tmp_path / "data.jsonl").write_text(line)
    rows = read_pairs(str(tmp_path / "data.jsonl"), "train").rows
    checked = check(rows, StubProcessor(), DataConfig(), decode=True)
    assert checked.frame["reason"].to_list() == ["unreadable", None]
    assert not is_verified(str(tmp_path))


@pytest.mark.parametrize("pixels", [(3136, 802816), (12544, 200704)])
def test_tokens_of_odd_sizes_are_those_of_the_processor(pixels: tuple[int, int]) -> None:
    dice = Random(1)
    sizes = [(dice.randint(1, 1700), dice.randint(1, 300)) for _ in range(60)]
    sizes += [(1, 1), (28, 5600), (27, 5400), (3000, 2000), (5601, 28), (14, 14), (42, 42), (70, 70), (1600, 64)]
    config = DataConfig(min_pixels=pixels[0], max_pixels=pixels[1], max_length=2000)
    checked = check(_rows([_paper(*size) for size in sizes]), StubProcessor(*pixels), config, decode=False)
    expected = []
    for size in sizes:
        width, height = model_image(_paper(*size)).size
        high, wide = smart_resize(height, width, 28, *pixels)
        expected.append(high * wide // 784)
    assert checked.frame["image_tokens"].to_list() == expected


def test_a_wide_formula_keeps_its_width() -> None:
    checked = check(_rows([_paper(1600, 64)]), StubProcessor(), DataConfig(), decode=True)
    assert checked.frame["image_tokens"].to_list() == [57 * 2]


def test_a_processor_that_counts_otherwise_is_refused() -> None:
    with pytest.raises(UserError, match=r"s/0: the model's processor counts \d+ tokens, but texsieve expected"):
        check(_rows([_paper(56, 56)]), StubProcessor(extra=1), DataConfig(), decode=True)


def test_nothing_fits_and_nothing_is_there() -> None:
    assert check(_rows([None, None]), StubProcessor(), DataConfig(), decode=True).reasons() == {"no-image": 2}
    assert check(_rows([]), StubProcessor(), DataConfig(), decode=True).frame.is_empty()


@pytest.mark.parametrize("resize", ["upscale", "pad", "none"])
def test_the_size_of_an_image_is_known_without_making_it(resize: str) -> None:
    dice = Random(2)
    sizes = [(dice.randint(1, 60), dice.randint(1, 9000)) for _ in range(25)]
    sizes += [(3000, 1500), (1, 1), (9000, 40), (27, 28), (5320, 28), (5321, 28)]
    for width, height in sizes:
        made = model_image(_paper(width, height), resize=resize)  # type: ignore[arg-type]
        assert model_size(width, height, resize=resize) == made.size, (width, height)  # type: ignore[arg-type]


def test_rows_are_not_decoded_by_looking_at_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a set's images are known to be good, only headers are read, and a few images for the real processor."""
    import datasets

    rows = _rows([_paper(40 + place, 40) for place in range(200)])
    decoded = []
    plain = datasets.Image.decode_example
    monkeypatch.setattr(
        datasets.Image, "decode_example", lambda self, *a, **k: decoded.append(1) or plain(self, *a, **k)
    )
    checked = check(rows, StubProcessor(), DataConfig(), decode=False)
    assert len(checked.fitting) == 200
    assert len(decoded) <= 12


def test_columns_are_those_that_were_promised() -> None:
    frame = check(_rows([_paper(56, 56)]), StubProcessor(), DataConfig(), decode=True).frame
    assert frame.columns == [
        "row", "sample_id", "width", "height", "image_tokens", "answer_tokens", "tokens", "reason", "detail",
    ]  # fmt: skip
    assert frame.filter(pl.col("reason").is_null())["answer_tokens"].to_list() == [1]
