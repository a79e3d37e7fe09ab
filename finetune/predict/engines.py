"""Asks a loaded model for the LaTeX of images, in batches. Reads and writes no files: `file` does that.

    model, processor = load_model(...)
    for answer in predict_rows(model, processor, questions, "Write the LaTeX code ..."):
        answer.sample_id, answer.pred, answer.score

Questions are taken in windows. A window is sorted by size, so that the images of a batch need little padding, and
answered batch by batch. A batch ends when most of its rows are complete. The rows of a window with longer answers are
asked again together, so that one long answer doesn't hold up a whole batch. Which rows share a batch depends on the
questions and the settings; how many of them are asked at a time also depends on the memory. Answers come in the order
of the batches; `finetune predict` puts its file into the order of the data.

The same questions, settings and machine give the same answers. A different batch size can change the last bits of the
sums in a matrix product. If two tokens are almost equally likely, this can change which one is chosen: rarely in 32
bits, sometimes in 16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from curate.base.errors import UserError
from curate.predictions.rows import Prediction
from finetune.data.pairs import check_prompt
from finetune.models.families import family_of_model

if TYPE_CHECKING:
    from PIL.Image import Image

#: How many rows are sorted by size together. More rows save little padding, and more image headers are opened ahead.
WINDOW = 512
#: Images in the first batch and in the largest, if the size is found by trying: each batch is twice the one before
#: until memory runs out. In larger batches, the longest answer costs more than the size saves.
FIRST_BATCH, LARGEST_BATCH = 32, 256
#: The share of complete rows that ends a batch, and the smallest batch that may end this way.
ENOUGH, WORTH_ENDING = 0.9, 8


@dataclass(frozen=True, slots=True)
class Question:
    """One image to read: `load` opens it (RGB), `size` (width, height in pixels) is known before.

    gt: the true label, passed through. image: the name of the file, for people who look at the answers; None without a
    file.
    """

    sample_id: str
    gt: str
    load: Callable[[], Image]
    size: tuple[int, int]
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Answer(Prediction):
    """The model's answer for one image.

    seconds: the time of the batch divided by its rows. score: mean natural logarithm of the probabilities of the chosen
    tokens, including the one that ends the answer; None if that isn't a finite number. tokens: how many these are.
    runaway: the answer was cut off at the token limit before the model ended it.
    """

    tokens: int = 0
    runaway: bool = False


@dataclass(frozen=True)
class Asking:
    """How a model is asked. temperature 0 is greedy: the likeliest token each time, the same answer every time.

    batch_size: images per call of the model, None to find it by trying; a batch that runs out of memory is halved.
    max_new_tokens: the limit for an answer. seed: the seed of the sampling if the temperature is above 0, set again for
    each batch; such a batch runs until all its answers are complete.
    """

    batch_size: int | None = None
    max_new_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    window: int = field(default=WINDOW, repr=False)

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_new_tokens", "window"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.temperature <= 100:
            raise UserError(f"temperature must be from 0 to 100, not {self.temperature:g}")


#: Called with the id of a row whose image can't be opened, and why.
Unopened = Callable[[str, str], None]


class Rows(Protocol):
    """Questions that can be iterated several times; `rows`: (sample_id, gt), in their order."""

    @property
    def rows(self) -> Sequence[tuple[str, str]]: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Question]: ...


class Answerer(Protocol):
    """Answers questions: a model that is loaded here (`finetune.predict.job.Asker`), or one behind a server.

    max_pixels: the largest size to which it scales images, if known.
    """

    max_pixels: int

    @property
    def base(self) -> str:
        """The name of the model, or of its base model."""

    def identity(self) -> dict[str, Any]:
        """Everything that decides the answers, as JSON values."""

    def load(self, max_new_tokens: int) -> object:
        """Prepare for asking. Raises UserError if the model isn't available."""

    def ask(
        self,
        questions: Iterable[Question],
        prompt: str,
        asking: Asking,
        *,
        done: Container[str] = (),
        note: Callable[[str], None] = lambda line: None,
        unopened: Unopened | None = None,
    ) -> Iterator[list[Answer]]:
        """The answers to the questions that aren't `done`, as they come: those that were answered together in a list.

        note: called with each line that a person should see. unopened: called with rows whose image can't be opened,
        which get no answer; without it such a row is an error.
        """


def windows(questions: Iterable[Question], asking: Asking) -> Iterator[list[list[Question]]]:
    """The questions in batches of similar size, one window at a time, the largest first: images that don't fit into
    memory show up early.
    """
    rest = iter(questions)
    size = asking.batch_size or FIRST_BATCH
    while window := list(islice(rest, asking.window)):
        window.sort(key=lambda row: (-row.size[0] * row.size[1], -row.size[0]))  # stable: ties stay in order
        batches: list[list[Question]] = []
        start = 0
        while start < len(window):
            batches.append(window[start : start + size])
            start += size
            if asking.batch_size is None:
                size = min(2 * size, LARGEST_BATCH)
        yield batches


def predict_rows(
    model: Any,
    processor: Any,
    rows: Iterable[Question],
    prompt: str,
    asking: Asking | None = None,
    *,
    done: Container[str] = (),
    note: Callable[[str], None] = lambda line: None,
) -> Iterator[Answer]:
    """The model's answers to `rows`, in the order of the batches. The model can be asked again with another prompt.

    done: ids that need no answer; see `predict_batches`. note: called with each line that a person should see. Raises
    UserError if an image can't be opened, or doesn't fit into memory on its own.
    """
    for answers in predict_batches(model, processor, rows, prompt, asking, done=done, note=note):
        yield from answers


def predict_batches(
    model: Any,
    processor: Any,
    rows: Iterable[Question],
    prompt: str,
    asking: Asking | None = None,
    *,
    done: Container[str] = (),
    note: Callable[[str], None] = lambda line: None,
    unopened: Unopened | None = None,
) -> Iterator[list[Answer]]:
    """Like `predict_rows`, but in lists: what was answered together, and so can be written together.

    A batch whose rows are all `done` is passed over. Any other batch is asked as a whole, and its done rows are left
    out, so that the new answers are those of a run that was never stopped. unopened: as for `Answerer.ask`.
    """
    asking = asking or Asking()
    reader = _BatchReader(model, processor, prompt, asking, note, unopened)
    number = 0
    for window in windows(rows, asking):
        late: list[Question] = []
        for batch in window:
            if any(row.sample_id not in done for row in batch):
                for answers in reader.read(batch, number, late):
                    yield [answer for answer in answers if answer.sample_id not in done]
            number += 1
        yield from reader.read([row for row in late if row.sample_id not in done], number, None)
        number += 1


class _BatchReader:
    """One model, one prompt. Remembers how many images at a time fit into memory."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        prompt: str,
        asking: Asking,
        note: Callable[[str], None],
        unopened: Unopened | None,
    ) -> None:
        self._model, self._processor, self._asking, self._note = model, processor, asking, note
        self._unopened = unopened
        check_prompt(prompt, processor.tokenizer)
        self._text = family_of_model(model).chat(
            processor,
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}],
            answer=True,
        )
        self._at_a_time = asking.batch_size or LARGEST_BATCH
        _ready(model)
        processor.tokenizer.padding_side = "left"  # answers begin where the prompts end
        self._ends = _end_tokens(model, processor)

    def read(self, batch: Sequence[Question], number: int, late: list[Question] | None) -> Iterator[list[Answer]]:
        """The answers to one batch, halved as often as memory requires.

        late: collects the rows that weren't complete when most others were; None: the batch runs until all are
        complete.
        """
        at = 0
        while at < len(batch):
            part = batch[at : at + self._at_a_time]
            started = time.perf_counter()
            asked = self._opened(part)
            try:
                found = self._generate(list(asked.values()), f"{self._asking.seed}/{number}/{at}", late is not None)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self._halve(part)
            else:
                taken = time.perf_counter() - started
                ended = [(row, made) for row, made in zip(asked, found, strict=True) if made is not None]
                self._say_nonfinite([row.sample_id for row, made in ended if not isfinite(made[1])])
                if late is not None:
                    late += [row for row, made in zip(asked, found, strict=True) if made is None]
                yield [_answer(row, taken / len(ended), *made) for row, made in ended]
                at += len(part)
                continue
            _free()  # outside of `except`: the error's frames hold the tensors that are to be freed

    def _opened(self, part: Sequence[Question]) -> dict[Question, Image]:
        """The images of the questions whose image can be opened."""
        found = {}
        for row in part:
            try:
                found[row] = opened(row)
            except Unopenable as error:
                if self._unopened is None:
                    raise
                self._unopened(row.sample_id, error.why)
        return found

    def _say_nonfinite(self, names: Sequence[str]) -> None:
        if names:
            self._note(
                f"the model's output for {', '.join(names[:4])}{' …' if len(names) > 4 else ''} is not finite, "
                "so these answers are meaningless; use --dtype bfloat16 or float32"
            )

    def _halve(self, part: Sequence[Question]) -> None:
        if len(part) == 1:
            wide, high = part[0].size
            raise UserError(
                f"{part[0].sample_id}: out of memory with this image alone ({wide} × {high} pixels); lower "
                "--max-pixels or --max-new-tokens"
            )
        self._at_a_time = (len(part) + 1) // 2
        self._note(f"out of memory with {len(part)} images at a time; continuing with {self._at_a_time}")

    def _generate(self, images: Sequence[Image], seed: str, may_end: bool) -> list[tuple[str, float, int, bool] | None]:
        """(answer, score, tokens, cut) for each image. may_end: not all need to be answered; None for the others."""
        if not images:
            return []
        import torch

        from finetune.models.quiet import quiet
        from finetune.predict.early_end import EarlyEnd
        from finetune.predict.token_scores import ScoreKeeper

        keeper = ScoreKeeper()
        sampling = self._asking.temperature > 0
        ending = EarlyEnd(self._ends, ENOUGH)
        if sampling:
            torch.manual_seed(Random(seed).getrandbits(63))
        with torch.inference_mode(), quiet():
            asked = self._processor(
                text=[self._text] * len(images),
                images=[[image] for image in images],
                padding=True,
                add_special_tokens=False,
                return_tensors="pt",
            ).to(self._model.device)
            made = self._model.generate(
                **asked,
                max_new_tokens=self._asking.max_new_tokens,
                use_cache=True,
                num_beams=1,
                do_sample=sampling,
                # Set even to neutral values, since models come with settings of their own: for sampling and, in
                # Qwen2.5, a penalty for repeated tokens. That distorts formulas, where each brace is a repetition.
                repetition_penalty=1.0,
                temperature=self._asking.temperature if sampling else None,
                top_p=1.0 if sampling else None,
                top_k=0 if sampling else None,
                logits_processor=[keeper],
                stopping_criteria=[ending] if may_end and not sampling and len(images) >= WORTH_ENDING else None,
            )
        tokens = made[:, asked["input_ids"].shape[1] :]
        scores, lengths, ended = keeper.scores(tokens, self._ends)
        texts = self._processor.batch_decode(tokens, skip_special_tokens=True)
        return [
            (text, score, length, not end) if end or not ending.early else None
            for text, score, length, end in zip(texts, scores, lengths, ended, strict=True)
        ]


class Unopenable(UserError):
    """A row's image can't be opened."""

    def __init__(self, sample_id: str, why: str) -> None:
        super().__init__(f"{sample_id}: its image can't be opened: {why}")
        self.why = why


def opened(row: Question) -> Image:
    """A row's image. Raises Unopenable."""
    try:
        return row.load()
    except UserError:
        raise
    except Exception as error:  # Pillow raises whatever its decoder raises
        raise Unopenable(row.sample_id, " ".join(str(error).split()) or type(error).__name__) from error


def _answer(row: Question, seconds: float, text: str, score: float, tokens: int, runaway: bool) -> Answer:
    # Weights that overflow in 16 bits give no number. JSON can't express it, and the answer is kept.
    kept = round(score, 6) if isfinite(score) else None
    return Answer(row.sample_id, row.gt, text, row.image, round(seconds, 4), kept, tokens, runaway)


def _ready(model: Any) -> None:
    """Prepare the model for generating: Unsloth's way if Unsloth loaded it."""
    model.eval()
    if hasattr(model, "for_inference"):
        model.for_inference()


def _end_tokens(model: Any, processor: Any) -> list[int]:
    """The tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = processor.tokenizer.eos_token_id
    return [ends] if isinstance(ends, int) else list(ends or [])


def out_of_memory(error: Exception) -> bool:
    """Whether the error is about the memory of the GPU."""
    import torch

    # The error of the allocator, and that of CUDA libraries that ask the driver themselves.
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def _free() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
