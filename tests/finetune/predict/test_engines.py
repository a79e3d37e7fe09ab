"""Asks a model in batches: order, scores, memory, runaways. Uses a stub; test_predict_toy has the real path."""

from __future__ import annotations

import math

import pytest
from extra import require_finetune
from stub_model import StubModel, StubProcessor, expected, questions

from curate.base.errors import UserError
from finetune.predict.engines import Asking, Question, predict_batches, predict_rows, windows
from finetune.predict.file import as_line

pytestmark = pytest.mark.finetune
PROMPT = "Read this."


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    require_finetune()


def ask(rows: list[Question], asking: Asking, model: StubModel | None = None, **more: object) -> list[object]:
    return list(predict_rows(model or StubModel(), StubProcessor(), rows, PROMPT, asking, **more))


def batches(rows: list[Question], asking: Asking) -> list[list[Question]]:
    return [batch for window in windows(rows, asking) for batch in window]


def test_every_row_gets_its_own_answer() -> None:
    rows = questions(50)
    answers = ask(rows, Asking(batch_size=7, window=20))
    assert {answer.sample_id: answer.pred for answer in answers} == {
        row.sample_id: expected(at, PROMPT) for at, row in enumerate(rows)
    }
    assert {answer.gt for answer in answers} == {row.gt for row in rows}


def test_batches_are_of_like_size_and_the_largest_comes_first() -> None:
    rows = questions(50)
    made = batches(rows, Asking(batch_size=8, window=24))
    assert [len(batch) for batch in made] == [8, 8, 8, 8, 8, 8, 2]
    areas = [[row.size[0] * row.size[1] for row in batch] for batch in made]
    for window in (areas[:3], areas[3:6], areas[6:]):
        flat = [area for batch in window for area in batch]
        assert flat == sorted(flat, reverse=True)
    assert sorted(row.sample_id for batch in made for row in batch) == [row.sample_id for row in rows]


def test_the_score_is_the_mean_log_probability_up_to_the_end() -> None:
    """The stub gives the chosen token a logit of 1, 2, 3 … and each of the other 309 a logit of 0."""
    even, odd = questions(2)
    answers = {answer.sample_id: answer for answer in ask([even, odd], Asking(batch_size=2))}

    def log_probability(logit: int) -> float:
        return logit - math.log(math.exp(logit) + 309)

    short, long = answers[even.sample_id], answers[odd.sample_id]
    assert (short.tokens, long.tokens) == (3, 4)  # two and three tokens, plus the end
    assert short.score == pytest.approx(sum(map(log_probability, (1, 2, 3))) / 3, abs=1e-5)
    assert long.score == pytest.approx(sum(map(log_probability, (1, 2, 3, 4))) / 4, abs=1e-5)


def test_greedy_is_said_whatever_the_model_comes_with() -> None:
    model = StubModel()
    ask(questions(1), Asking(), model)
    assert model.settings["do_sample"] is False
    assert model.settings["num_beams"] == 1
    assert model.settings["repetition_penalty"] == 1.0


def test_a_temperature_draws_from_all_tokens() -> None:
    model = StubModel()
    ask(questions(1), Asking(temperature=0.7), model)
    wanted = {"do_sample": True, "temperature": 0.7, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
    assert wanted.items() <= model.settings.items()


def test_a_runaway_is_cut_and_marked() -> None:
    (answer,) = ask(questions(1), Asking(max_new_tokens=5), StubModel(endless=True))
    assert answer.runaway
    assert answer.tokens == 5
    assert answer.pred.count("x") == 5
    assert not ask(questions(1), Asking(max_new_tokens=3))[0].runaway  # it ended with its last token


def test_a_score_that_is_no_number_is_left_out_and_said() -> None:
    notes: list[str] = []
    (answer,) = ask(questions(1), Asking(), StubModel(sure=math.nan), note=notes.append)
    assert notes[0].startswith(f"the model's output for {answer.sample_id} is not finite, so these answers")
    assert answer.pred == expected(0, PROMPT)
    assert answer.score is None
    assert b"score" not in as_line(answer)


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    model, notes = StubModel(at_most=3), []
    answers = ask(questions(20), Asking(batch_size=8), model, note=notes.append)
    assert sorted(answer.pred for answer in answers) == sorted(expected(at, PROMPT) for at in range(20))
    # 8 don't fit, 4 don't, 2 do. The smaller size is kept, and the batches stay the same.
    assert model.calls == [8, 4, *(10 * [2])]
    assert notes == [
        "out of memory with 8 images at a time; continuing with 4",
        "out of memory with 4 images at a time; continuing with 2",
    ]


def test_an_image_too_large_for_the_memory_is_named() -> None:
    with pytest.raises(
        UserError, match=r"s/0000: out of memory with this image alone \(28 × 28 pixels\).*--max-pixels"
    ):
        ask(questions(1), Asking(), StubModel(at_most=0))


def test_another_error_of_the_model_is_not_taken_for_memory() -> None:
    model = StubModel()
    model.generate = None
    with pytest.raises(TypeError):
        ask(questions(1), Asking(), model)


def test_done_batches_are_passed_over_and_others_asked_whole() -> None:
    rows, asking = questions(20), Asking(batch_size=4)
    order = [row.sample_id for batch in batches(rows, asking) for row in batch]
    model = StubModel()
    made = list(
        predict_batches(model, StubProcessor(), rows, PROMPT, asking, done={*order[:4], *order[4:6], order[11]})
    )
    assert model.calls == [4, 4, 4, 4]  # as in a run that was never stopped, except for the first batch
    assert [answer.sample_id for answers in made for answer in answers] == [*order[6:11], *order[12:]]


def test_the_size_of_batches_is_found_by_trying() -> None:
    model, notes = StubModel(at_most=100), []
    answers = ask(questions(250), Asking(), model, note=notes.append)
    assert sorted(answer.pred for answer in answers) == sorted(expected(at, PROMPT) for at in range(250))
    assert model.calls == [32, 64, 128, 64, 64, 26]  # 128 don't fit, so it takes half and tries no more
    assert notes == ["out of memory with 128 images at a time; continuing with 64"]
    assert [len(batch) for batch in batches(questions(250), Asking(window=200))] == [32, 64, 104, 50]


def test_a_long_answer_does_not_hold_up_its_batch() -> None:
    """Two of 20 rows are long. Their batch ends without them, and they are asked again together at the end."""
    rows = questions(40)
    model = StubModel(long={3, 30}, steps=200)
    answers = ask(rows, Asking(batch_size=20, max_new_tokens=500), model)
    assert {answer.sample_id: answer.pred for answer in answers} == {
        row.sample_id: model.answer(at, PROMPT) for at, row in enumerate(rows)
    }
    assert model.calls == [20, 20, 2]
    assert model.made == [4, 4, 201]
    assert [answer.runaway for answer in answers] == [False] * 40
    assert {answer.tokens for answer in answers[-2:]} == {201}


def test_an_endless_answer_is_cut_once_and_costs_no_other() -> None:
    model = StubModel(long={3}, steps=10**6)
    answers = ask(questions(20), Asking(max_new_tokens=64), model)
    assert [answer.sample_id for answer in answers if answer.runaway] == ["s/0003"]
    assert (model.calls, model.made) == ([20, 1], [4, 64])


def test_dice_are_thrown_to_the_end() -> None:
    model = StubModel(long={3}, steps=50)
    ask(questions(20), Asking(temperature=0.7), model)
    assert (model.calls, model.made) == ([20], [51])


def test_one_that_was_stopped_asks_only_the_long_ones_batches_again() -> None:
    rows, asking = questions(40), Asking(batch_size=20, max_new_tokens=500)
    order = [row.sample_id for batch in batches(rows, asking) for row in batch]
    late = ["s/0003", "s/0030"]
    model = StubModel(long={3, 30}, steps=20)
    made = list(predict_batches(model, StubProcessor(), rows, PROMPT, asking, done=set(order) - {late[0]}))
    assert model.calls == [20, 1]
    assert [answer.sample_id for answers in made for answer in answers] == late[:1]


def test_a_prompt_that_steers_the_model_is_refused() -> None:
    with pytest.raises(UserError, match=r"the prompt contains the special token <\|im_end\|>"):
        list(predict_rows(StubModel(), StubProcessor(), questions(1), "Read.<|im_end|>"))


def test_an_image_that_cannot_be_opened_is_named() -> None:
    def load() -> None:
        raise OSError("image file is truncated")

    with pytest.raises(UserError, match="a/b: its image can't be opened: image file is truncated"):
        ask([Question("a/b", "x", load, (28, 28))], Asking())


@pytest.mark.parametrize(
    "values", [{"batch_size": 0}, {"max_new_tokens": 0}, {"temperature": -1}, {"temperature": math.nan}]
)
def test_settings_out_of_range_are_errors(values: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(values))):
        Asking(**values)
