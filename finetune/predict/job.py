"""Predicts a data set into a file: loads the model when a row needs it, goes on where it was stopped. Draws nothing.

    asker = Asker(model_facts("runs/a/best"), ...)
    for prompt, file in ...:
        predict_file(asker, questions, data, prompt, file, Asking())

An `Asker` loads its model once, however many prompts it is asked with, and not at all where all is answered already.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from curate import __version__
from curate.base.errors import UserError
from curate.export.tell.manifest import MANIFEST, style_of
from finetune.models.facts import ModelFacts
from finetune.predict.engines import Answer, Answerer, Asking, Question, Rows, Unopenable, Unopened, predict_batches
from finetune.predict.file import PredictionFile
from finetune.predict.questions import Questions
from finetune.settings.config import Config, ModelConfig
from rules.sets.model_resize import FACTOR

Dtype = Literal["auto", "bfloat16", "float16", "float32"]
Progress = Callable[[str, int, int], None]
_PACKAGES = ("unsloth", "torch", "transformers", "peft", "bitsandbytes")
#: The limit of an answer's tokens where nothing is known of the labels; else so many times the longest label's.
ANSWER_TOKENS, MORE_THAN_LABELS = 512, 1.5
#: Tokens of a chat around the image and the answer: the system's words and a long prompt.
_AROUND = 512


def answer_limit(longest: int | None) -> int:
    """How many tokens an answer may have. longest: tokens of the longest label that the model was trained on."""
    return ANSWER_TOKENS if longest is None else max(math.ceil(MORE_THAN_LABELS * longest / 32) * 32, 64)


class Asker(Answerer):
    """A model, loaded here at need. model: how it is loaded; min_pixels, max_pixels: what images are scaled to.

    loaded: the model and its processor, where they are there already.
    """

    def __init__(
        self,
        facts: ModelFacts,
        model: ModelConfig,
        *,
        min_pixels: int,
        max_pixels: int,
        loaded: tuple[Any, Any] | None = None,
    ) -> None:
        self.facts, self.model = facts, model
        self.min_pixels, self.max_pixels = min_pixels, max_pixels
        self._loaded = loaded

    @classmethod
    def of(
        cls,
        facts: ModelFacts,
        *,
        load_in_4bit: bool | None = None,
        dtype: Dtype | None = None,
        max_pixels: int | None = None,
    ) -> Asker:
        """A model as it was trained, or as the defaults of `finetune train` are, but for what is given.

        None for load_in_4bit: an adapter's base as in its training, a base model in 4 bits, since it is what adapters
        are compared with, a merged model as it is stored: to round a 16-bit merge again would change its answers.
        """
        config = facts.config or Config()
        if load_in_4bit is None:
            load_in_4bit = config.model.load_in_4bit
            if facts.kind != "adapter" and facts.config is not None:
                load_in_4bit = facts.quantized
        model = replace(
            config.model,
            name=facts.name,
            revision=None,  # that of the training is the base's
            load_in_4bit=load_in_4bit,
            checkpointing="none",
            dtype=dtype or config.model.dtype,
        )
        most = max_pixels or config.data.max_pixels
        return cls(facts, model, min_pixels=min(config.data.min_pixels, most), max_pixels=most)

    @property
    def base(self) -> str:
        return self.facts.base

    def identity(self) -> dict[str, Any]:
        """What decides this model's answers, as JSON values."""
        how = {"load_in_4bit": self.model.load_in_4bit, "dtype": self.model.dtype}
        return {**self.facts.identity, **how, "min_pixels": self.min_pixels, "max_pixels": self.max_pixels}

    def load(self, max_new_tokens: int) -> tuple[Any, Any]:
        """The model and its processor. Raises UserError as `finetune.models.load.load_model` does."""
        if self._loaded is None:
            from finetune.models.load import load_model

            self._loaded = load_model(
                self.model,
                max_length=self.max_pixels // FACTOR**2 + _AROUND + max_new_tokens,
                min_pixels=self.min_pixels,
                max_pixels=self.max_pixels,
            )
        return self._loaded

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
        """The answers to the questions, a list a batch: see `predict_batches`."""
        model, processor = self.load(asking.max_new_tokens)
        yield from predict_batches(model, processor, questions, prompt, asking, done=done, note=note, unopened=unopened)


@dataclass(frozen=True)
class Predicted:
    """What came of a prediction: `rows` in the file, `new` of them made now in `seconds`, those of loading the model
    left out; `runaways` are of these. unopened: why images can't be opened, by the ids of their rows, which aren't in
    the file."""

    path: Path
    rows: int
    new: int = 0
    seconds: float = 0.0
    runaways: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    unopened: Mapping[str, str] = field(default_factory=dict)


def predict_file(
    asker: Answerer,
    questions: Rows,
    data: dict[str, Any],
    prompt: str,
    path: Path,
    asking: Asking,
    *,
    progress: Progress = lambda stage, done, of: None,
) -> Predicted:
    """Write the answers to all questions into `path`, those that aren't there yet. data: see `data_facts`.

    Rows whose image can't be opened are left out. Raises UserError where the file holds answers of another model, to
    other data or to another prompt, and where there is nothing to ask.
    """
    if not len(questions):
        raise UserError(f"{data['path']}: has no rows with an image to ask about")
    notes: list[str] = []
    runaways: list[str] = []
    unopened: dict[str, str] = {}
    new, seconds = 0, 0.0
    facts = {
        "model": asker.identity(),
        "data": data,
        "prompt": prompt,
        "answers": {
            "max_new_tokens": asking.max_new_tokens,
            "temperature": asking.temperature,
            **({"seed": asking.seed} if asking.temperature else {}),
        },
        "batch_size": asking.batch_size,
        "versions": _versions(),
    }
    with PredictionFile(path, questions.rows, facts) as file:
        of = len(questions)
        if len(file.done) < of:
            progress("load", 0, 1)
            asker.load(asking.max_new_tokens)
            progress("load", 1, 1)
            progress("predict", len(file.done), of)
            started = time.perf_counter()
            for answers in asker.ask(
                questions, prompt, asking, done=file.done.copy(), note=notes.append, unopened=unopened.__setitem__
            ):
                file.add(answers)
                new += len(answers)
                seconds = time.perf_counter() - started
                runaways += [answer.sample_id for answer in answers if answer.runaway]
                progress("predict", len(file.done), of)
        if unopened and not file.done:
            first, why = next(iter(unopened.items()))
            raise UserError(f"{data['path']}: no image can be opened; {Unopenable(first, why)}")
        file.finish(unopened)
    return Predicted(path, len(file.done), new, seconds, tuple(runaways), tuple(notes), unopened)


def data_facts(where: str, split: str, questions: Questions, resize: str) -> dict[str, Any]:
    """What identifies the data that is predicted: ids, labels and order, and an exported folder's manifest."""
    manifest = Path(where) / MANIFEST
    return {
        "path": where,
        "split": split,
        "rows": len(questions),
        "sha256": questions.sha256(),
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None,
        "resize": resize,
        **({"style": style} if (style := style_of(Path(where))) else {}),
    }


def _versions() -> dict[str, str]:
    found = {"texsieve": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
