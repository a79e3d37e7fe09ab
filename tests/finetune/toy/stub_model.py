"""A small model and processor that generate like transformers' without Unsloth's half minute of imports.

The answer comes from the image's mean grey and the prompt's length, so it tells which image got which prompt.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from finetune.predict.engines import Question

END, PAD = 1, 0
_FIRST = 10
VOCABULARY = 300 + _FIRST


def _torch() -> Any:
    """torch, imported when a test asks the stub and not when tests are collected."""
    import torch

    torch.set_num_threads(1)  # waiting for a second thread takes longer than these few numbers
    return torch


class Asked(dict[str, Any]):
    """What a processor returns."""

    def to(self, device: str) -> Asked:
        return self


class StubProcessor:
    def __init__(self) -> None:
        specials = {"<|im_end|>": END, "<|image_pad|>": PAD}
        self.tokenizer = SimpleNamespace(padding_side="right", eos_token_id=END, get_added_vocab=lambda: specials)

    def apply_chat_template(self, messages: list[dict[str, Any]], **_: Any) -> str:
        return str(messages[0]["content"][1]["text"])

    def __call__(self, *, text: Sequence[str], images: Sequence[Sequence[Image.Image]], **_: Any) -> Asked:
        if self.tokenizer.padding_side != "left":
            raise AssertionError("prompts must end where the answers begin")
        torch = _torch()
        greys = torch.tensor([float(np.asarray(one.convert("L")).mean()) for (one,) in images])
        return Asked(input_ids=torch.full((len(text), 3), 5), greys=greys, asked=len(text[0]))

    def batch_decode(self, tokens: Any, **_: Any) -> list[str]:
        return [" ".join(f"x_{{{token - _FIRST}}}" for token in row if token >= _FIRST) for row in tokens.tolist()]


class StubModel:
    """Greedy: two or three tokens and the end. The tokens are the grey, the prompt's length, and 7 if the grey is odd.

    long: the numbers of the questions whose answers have `steps` tokens. made: the tokens that each call made.
    at_most: the number of images that fit in memory. sleep: seconds a call takes. endless: never ends an answer.
    sure: the logit of a chosen token; by default 1 for the first, 2 for the next …
    """

    device = "cpu"

    def __init__(
        self,
        *,
        at_most: int = 1000,
        sleep: float = 0.0,
        endless: bool = False,
        sure: float | None = None,
        long: Collection[int] = (),
        steps: int = 0,
    ) -> None:
        self.generation_config = SimpleNamespace(eos_token_id=[END, PAD])
        self.at_most, self.sleep, self.endless, self.sure = at_most, sleep, endless, sure
        self.long, self.steps = long, steps
        self.calls: list[int] = []
        self.made: list[int] = []
        self.settings: dict[str, Any] = {}

    def eval(self) -> None:
        pass

    def generate(
        self,
        *,
        input_ids: Any,
        greys: Any,
        asked: int,
        max_new_tokens: int,
        logits_processor: Any,
        stopping_criteria: Any = None,
        **settings: Any,
    ) -> Any:
        torch = _torch()
        self.settings = settings
        self.calls.append(len(greys))
        if len(greys) > self.at_most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        time.sleep(self.sleep)
        answers = [self._answer(round(grey), asked, max_new_tokens) for grey in greys.tolist()]
        ids = input_ids
        for step in range(min(max(map(len, answers)), max_new_tokens)):
            chosen = torch.tensor([answer[step] if step < len(answer) else PAD for answer in answers])
            logits = torch.zeros((len(answers), VOCABULARY))
            logits[torch.arange(len(answers)), chosen] = self.sure or float(
                step + 1
            )  # each step is more certain than the one before
            for processor in logits_processor:
                logits = processor(ids, logits)
            ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
            if any(bool(criterion(ids, logits).all()) for criterion in stopping_criteria or ()):
                break
        self.made.append(ids.shape[1] - input_ids.shape[1])
        return ids

    def _answer(self, grey: int, asked: int, most: int) -> list[int]:
        if self.endless:
            return [_FIRST + 9] * (most + 1)
        if grey in self.long:
            return [*[_FIRST + grey] * min(self.steps, most), END]
        return [_FIRST + grey, _FIRST + asked % 250, *([_FIRST + 7] if grey % 2 else []), END]

    def answer(self, grey: int, prompt: str) -> str:
        """The answer without a limit."""
        return " ".join([f"x_{{{grey}}}"] * self.steps) if grey in self.long else expected(grey, prompt)


def expected(grey: int, prompt: str) -> str:
    """The stub's answer."""
    more = " x_{7}" if grey % 2 else ""
    return f"x_{{{grey}}} x_{{{len(prompt) % 250}}}{more}"


def questions(number: int) -> list[Question]:
    """Images of one grey each. Their sizes don't grow with their number."""
    return [_question(at) for at in range(number)]


def _question(at: int) -> Question:
    size = (28 + 37 * at % 200, 28 + 11 * at % 60)
    return Question(f"s/{at:04d}", rf"\gt_{{{at}}}", lambda: Image.new("RGB", size, (at, at, at)), size)
