"""Rules over whole data sets: one finding for each source and kind, none if chance or a small set explains it."""

from __future__ import annotations

import random

import polars as pl
import pytest

from rules.registry import find
from rules.sets import set_difference


def samples(*parts: tuple[str, str | None, list[str]]) -> pl.DataFrame:
    """(source, split, labels) as samples; the key is the label."""
    rows = [
        (f"{source}/{split}/{place}", source, split, label, label, len(label.split()))
        for source, split, labels in parts
        for place, label in enumerate(labels)
    ]
    names = ("sample_id", "source", "split", "label", "visual_key")
    schema = {**dict.fromkeys(names, pl.String), "n_tokens": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def judge(code: str, frame: pl.DataFrame, **options) -> list[str]:
    rule = find(code)
    found = rule.judge(frame, {**rule.options, **options})
    assert found.columns == ["sample_id", "source", "message"]
    assert found["sample_id"].null_count() == found.height
    return found["message"].to_list()


def formulas(number: int, seed: int, *, letters: str = "abcdefgh", long: float = 0.5) -> list[str]:
    """Different labels over some letters, two lengths."""
    rng = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < number:
        made[" ".join(rng.choice(letters) for _ in range(20 if rng.random() < long else 8))] = None
    return list(made)


def test_a_set_of_labels_alone_is_one_finding():
    frame = samples(("a", None, ["x"] * 50), ("b", None, ["x"] * 2))
    images = pl.Series("image", [None] * 50 + ["x.png", None], pl.String)
    assert judge("DST001", frame.with_columns(images)) == ["none of its 50 samples names an image"]


def test_rare_tokens_are_counted_and_the_rarest_shown_first():
    frame = samples(("a", None, ["x y"] * 500 + ["x z"] * 2 + ["w"]))
    assert judge("LEN003", frame) == ["2 of 4 tokens occur in fewer than 20 labels: `w` (1), `z` (2)"]
    assert not judge("LEN003", samples(("a", None, ["x y"] * 500)))
    assert not judge("LEN003", samples(("a", None, ["x y"] * 30 + ["w"])))  # too small to call anything rare


def test_tokens_are_tex_tokens_and_counted_once_a_label():
    parts = pl.DataFrame({"part": ["one", "one", "two"], "label": [r"\frac{x}{x}", r"\fracx x", "%\n x"]})
    counts = {(part, token): n for part, token, n in set_difference.token_counts(parts.lazy(), "part").iter_rows()}
    assert counts["one", r"\frac"] == 1
    assert counts["one", r"\fracx"] == 1
    assert counts["one", "x"] == 2
    assert counts["two", "x"] == 1


def test_a_divergence_is_between_none_and_one_bit():
    assert set_difference.divergence(5, 10, 50, 100) == 0
    assert set_difference.divergence(10, 10, 0, 100) == 1
    assert set_difference.divergence(1, 10, 40, 100) == pytest.approx(set_difference.divergence(40, 100, 1, 10))


def test_tiny_sets_never_differ():
    assert not set_difference.differs(3, 3, 0, 3, 1)
    assert set_difference.differs(300, 1000, 600, 1000, 100)
    assert not set_difference.differs(300, 1000, 310, 1000, 1)
    assert not set_difference.missed(1, 10, 20)
    assert set_difference.missed(1, 100, 2000)


def test_equal_splits_have_no_shift():
    labels = formulas(3000, 1)
    frame = samples(("a", "train", labels[:2000]), ("a", "test", labels[2000:]))
    for code in ("DST006", "DST007", "DST008"):
        assert not judge(code, frame)


def test_a_token_that_is_more_frequent_in_a_split_is_named():
    frame = samples(("a", "train", formulas(2000, 1)), ("a", "test", [f"{label} \\frac" for label in formulas(500, 2)]))
    train = frame.with_columns(
        pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.col("label") + r" \frac").otherwise("label").alias("label")
    )
    (message,) = judge("DST006", train)
    assert message.startswith("1 of 9 tokens are not as frequent in a/test as in its training split")
    assert message.endswith(r"`\frac` (100 %, 10 %)")


def test_copies_of_one_label_are_no_shift():
    frame = samples(("a", "train", formulas(2000, 1)), ("a", "test", [*formulas(500, 2), *[r"\frac"] * 400]))
    assert not judge("DST006", frame)


def test_tokens_only_in_a_split_are_named():
    test = [*formulas(500, 2), r"\alpha x", r"\alpha y", r"\beta"]
    frame = samples(("a", "train", formulas(4000, 1)), ("a", "test", test))
    (message,) = judge("DST007", frame)
    assert r"`\alpha` (2), `\beta` (1)" in message
    few = samples(("a", "train", formulas(40, 1)), ("a", "test", test))
    assert r"\beta" not in " ".join(judge("DST007", few))  # forty labels may lack what one in five hundred has


def test_a_split_cut_off_a_sorted_list_is_longer():
    labels = sorted(formulas(3000, 1), key=len)
    frame = samples(("a", "train", labels[:2000]), ("a", "test", labels[2000:]))
    (message,) = judge("DST008", frame)
    assert message.startswith("labels of a/test have a median of 20 tokens, those of its training split 8")


def test_a_test_set_is_compared_with_all_there_is_to_train_on():
    labels = sorted(formulas(3000, 1), key=len)
    frame = samples(("a", None, labels[:1000]), ("b", None, labels[1000:2000]), ("c", "test", labels[2000:]))
    (message,) = judge("DST008", frame)
    assert "those of all training data" in message
    assert not judge("DST008", samples(("c", "test", labels[2000:])))


def test_a_split_drawn_by_row_is_told_from_one_drawn_by_label():
    rng = random.Random(3)
    rows = [label for label in formulas(600, 1) for _ in range(3)]
    rng.shuffle(rows)
    by_row = samples(("a", "train", rows[:1200]), ("a", "test", rows[1200:]))
    (message,) = judge("DST005", by_row)
    assert "are also in a/train. A split drawn row by row would share" in message
    labels = sorted(rows)
    assert not judge("DST005", samples(("a", "train", labels[:1200]), ("a", "test", labels[1200:])))


def test_what_a_row_by_row_draw_shares_is_predicted():
    from rules.families.duplicates import prepared
    from rules.sets.leaks import leakage

    rng = random.Random(4)
    rows = [label for label in formulas(2000, 5) for _ in range(1 + rng.randrange(4))]
    rng.shuffle(rows)
    cut = 4 * len(rows) // 5
    (pair,) = leakage(prepared(samples(("a", "train", rows[:cut]), ("a", "test", rows[cut:])))).to_dicts()
    assert pair["random_labels"] == pytest.approx(pair["labels"], rel=0.1)


# Licences -------------------------------------------------------------------------------------------------------------


def with_terms(*terms: tuple[str, str | None, str]) -> pl.DataFrame:
    frame = samples(*((name, None, ["x"]) for name, _, _ in terms))
    facts = pl.DataFrame(
        terms, schema=dict.fromkeys(("source", "source_licence", "source_path"), pl.String), orient="row"
    )
    return frame.join(facts, on="source", how="left", maintain_order="left")


def test_a_set_without_a_licence_is_named_with_what_is_known():
    messages = judge("DST002", with_terms(("mine", None, "data/mine"), ("b", None, "x/CROHME2019"), ("c", "MIT", "c")))
    assert messages == [
        "no licence is given",
        "no licence is given; as far as is known, CROHME is CC-BY-NC-SA-3.0",
    ]


def test_a_mirror_with_a_licence_of_its_own_is_named():
    frame = with_terms(("UniMER-1M", "apache-2.0", "x"), ("crohme", "CC BY-NC-SA 3.0", "x"), ("other", "MIT", "x"))
    (message,) = judge("DST003", frame)
    assert message.startswith("given as apache-2.0, but as far as is known, it holds CROHME")


def test_licences_that_don_t_go_together_are_named():
    frame = with_terms(("crohme", None, "x"), ("wiki", "CC-BY-SA-4.0", "x"), ("mit", "MIT", "x"), ("odd", "ours", "x"))
    (message,) = judge("DST004", frame)
    assert message.startswith("CC-BY-SA-4.0 is not compatible with crohme (CC-BY-NC-SA-3.0)")


# Labels that are not formulas -----------------------------------------------------------------------------------------

IDS = [f"18_em_{n}" for n in range(30)]


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ([str(n) for n in range(30)], "are numbers"),
        (["3"] * 10 + ["1 2 . 5"] * 10 + ["-4,0"] * 10, "are numbers"),
        ([f"train/{n}.png" for n in range(30)], "are names of files or records"),
        ([f"C:\\img\\{n}.BMP" for n in range(30)], "are names of files or records"),
        ([f"{n:032x}" for n in range(10**30, 10**30 + 30)], "are names of files or records"),
        (["Write the LaTeX of this image."] * 30, "are the same text, 'Write the LaTeX of this image.'"),
        ([" x"] * 29 + ["x "], "are the same text, 'x'"),
    ],
)
def test_labels_that_are_no_formulas(labels: list[str], what: str) -> None:
    formulas_too = samples(("a", "train", formulas(60, 1)), ("a", "test", labels))
    assert judge("DST009", formulas_too) == [f"test: 30 of its 30 labels {what}, not formulas"]
    assert judge("DST009", samples(("a", None, ["x + 1", *labels]))) == []  # 96.8 %
    assert judge("DST009", samples(("a", None, labels[:19]))) == []


def test_labels_that_name_their_image_are_no_formulas() -> None:
    frame = samples(("a", None, IDS)).with_columns(pl.Series("image", [f"img/{name}.bmp" for name in IDS]))
    assert judge("DST009", frame) == ["30 of its 30 labels are names of files or records, not formulas"]
    assert judge("DST009", frame.with_columns(pl.Series("image", [None] * 30, pl.String))) == []
    assert judge("DST009", samples(("a", None, formulas(30, 2)), ("b", None, [""] * 30))) == []
