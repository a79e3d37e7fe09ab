"""Predicts a data set into a file: loads the model when needed, continues a stopped prediction. Draws nothing.

    asker = Asker(model_facts("runs/a/best"), ...)
    for prompt, file in ...:
        predict_file(asker, questions, data, prompt, file, Asking())

An `Asker` loads its model only once for any number of prompts, and not at all if everything is already answered.
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
#: The token limit for answers if nothing is known about the labels; else the factor for the longest label.
ANSWER_TOKENS, MORE_THAN_LABELS = 512, 1.5
#: Tokens of a chat besides the image and the answer: the system prompt and a long prompt.
_AROUND = 512


def answer_limit(longest: int | None) -> int:
    """How many tokens an answer may have. longest: the number of tokens in the longest training label."""
    return ANSWER_TOKENS if longest is None else max(math.ceil(MORE_THAN_LABELS * longest / 32) * 32, 64)


class Asker(Answerer):
    """A model that is loaded here when needed. model: how it is loaded; min_pixels, max_pixels: limits for image sizes.

    loaded: the model and its processor, if they are already loaded.
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
        """A model with the settings of its training, or the defaults of `finetune train`, except for those given.

        None for load_in_4bit: the base of an adapter as in its training; a base model in 4 bits, since adapters are
        compared with it; a merged model as it is stored, since rounding a 16-bit merge again would change its answers.
        """
        config = facts.config or Config()
        if load_in_4bit is None:
            load_in_4bit = config.model.load_in_4bit
            if facts.kind != "adapter" and facts.config is not None:
                load_in_4bit = facts.quantized
        model = replace(
            config.model,
            name=facts.name,
            revision=None,  # the training's revision is that of the base
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
        """Everything that decides the answers of this model, as JSON values."""
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
        """The answers to the questions, one list per batch; see `predict_batches`."""
        model, processor = self.load(asking.max_new_tokens)
        yield from predict_batches(model, processor, questions, prompt, asking, done=done, note=note, unopened=unopened)


@dataclass(frozen=True)
class Predicted:
    """The result of a prediction: `rows` in the file, `new` ones made now in `seconds`, without loading the model;
    `runaways` are among these. unopened: why images can't be opened, by the ids of their rows, which aren't in the
    file."""

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

    Rows whose image can't be opened are left out. Raises UserError if the file holds answers of another model, to other
    data or to another prompt, and if there is nothing to ask.
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
        "versions": _versions(() if asker.identity().get("kind") == "served" else _PACKAGES),
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
    """What identifies the data: ids, labels and order, and the manifest of an exported folder."""
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


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Of texsieve and of what loads and runs a model here: those of a server are unknown."""
    found = {"texsieve": __version__}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
