"""What texsieve knows about families of models, with one object per family. Loads nothing and imports nothing heavy.

A family is recognised by `model_type` in config.json. To add one, add an entry in `rules.sets.model_images`, an object
here, and a tiny model with its classes in tests/finetune/toy/tiny_families.py, which the tests then train, ask and
merge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.base.errors import UserError
from curate.base.given_files import read_text
from finetune.models.adapters import ADAPTER_FILE, base_of
from finetune.models.hub import Unreachable, hub_file
from finetune.models.shapes import ModelShape, idefics_shape, qwen_shape
from rules.sets.model_images import LIMITS, ImageLimits, limits_of
from rules.sets.model_resize import smart_resize

#: The turns of a conversation, for `family.chat`.
Messages = Sequence[Mapping[str, Any]]


#: The unit of a model's boxes: pixels of the image as the model sees it, or thousandths of its width and height.
Coordinates = Literal["pixels", "thousandths"]


@dataclass(frozen=True)
class Modules:
    """The names of a model's modules.

    vision and language: the layers of the two towers; attention, mlp: the parts of a layer; linear: the matrices in a
    part; all as regular expressions. tower: the module of the vision encoder. whole: modules that aren't kept in 4
    bits.
    """

    vision: str
    language: str
    tower: str
    whole: tuple[str, ...]
    attention: str = "self_attn|attn"
    mlp: str = "mlp"
    linear: str = r"\w*proj|qkv|(?:linear_)?fc\d"

    def adapted(self, *, vision: bool, language: bool, attention: bool, mlp: bool) -> str:
        """A regular expression for the full names of the matrices that get adapters, for peft's target_modules."""
        towers = "|".join(name for name, on in ((self.vision, vision), (self.language, language)) if on)
        parts = "|".join(name for name, on in ((self.attention, attention), (self.mlp, mlp)) if on)
        return rf"(?:.*\.)?(?:{towers})\.\d+\.(?:{parts})\.(?:{self.linear})"


@dataclass(frozen=True)
class Family:
    """One family of models.

    types: `model_type` in their config.json. images: the image sizes that they accept. instruction, response: how a
    turn of the person and one of the model begin in their chat template. template: arguments of the template.
    coordinates: the unit of boxes when the model is asked where something is: pixels of the image as the model sees it,
    or thousandths of its width and height; None if the models weren't trained for this. modules: the names of their
    parts. unsloth: whether Unsloth knows them; if not, transformers, peft and trl are used without it.
    vision_in_float32: whether their vision encoder overflows in float16 and is kept in 32 bits there. shape: the sizes
    of their matrices.
    """

    images: ImageLimits
    types: tuple[str, ...]
    instruction: str
    response: str
    modules: Modules
    shape: Callable[[Any], ModelShape]
    template: Mapping[str, Any] = field(default_factory=dict)
    coordinates: Coordinates | None = None
    unsloth: bool = True
    vision_in_float32: bool = False

    @property
    def name(self) -> str:
        return self.images.family

    def chat(self, processor: Any, messages: Messages, *, answer: bool) -> str:
        """The conversation as the template of this processor writes it. answer: up to where the model continues."""
        return str(
            processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer, **self.template)
        )

    def set_pixels(self, processor: Any, min_pixels: int, max_pixels: int) -> None:
        """Make the processor scale images to at least `min_pixels` and at most `max_pixels` pixels (width × height).

        transformers 5 has both in `size`; assigning `min_pixels`, as before, raises an error there.
        """
        processor.image_processor.size = {"shortest_edge": min_pixels, "longest_edge": max_pixels}

    def image_tokens(self, processor: Any, width: pl.Expr, height: pl.Expr, *, budget: tuple[int, int]) -> pl.Expr:
        """The number of tokens for an image of a size that the processor accepts. budget: as in `set_pixels`."""
        image = processor.image_processor
        factor = int(image.patch_size) * int(image.merge_size)
        wide, high = smart_resize(width, height, factor=factor, min_pixels=budget[0], max_pixels=budget[1])
        return wide // factor * (high // factor)


@dataclass(frozen=True)
class TiledFamily(Family):
    """A family whose processor scales the longer side of every image to one length, then cuts it into square tiles.

    tiles: the default number of tiles along the longer side.
    """

    tiles: int = 4

    def set_pixels(self, processor: Any, min_pixels: int, max_pixels: int) -> None:
        """Make the processor scale the longer side to the longest row of tiles with at most `max_pixels`.

        It also scales small images up to that length, so `min_pixels` has no effect.
        """
        tile = processor.image_processor.max_image_size["longest_edge"]
        processor.image_processor.size = {"longest_edge": min(max(max_pixels // tile**2, 1), self.tiles) * tile}

    def image_tokens(self, processor: Any, width: pl.Expr, height: pl.Expr, *, budget: tuple[int, int]) -> pl.Expr:
        """Counted by the processor itself, size by size. The servers of transformers use the same method."""

        def counted(sizes: pl.Series) -> pl.Series:
            known: dict[tuple[int, int], int] = {}
            found: list[int | None] = []
            for size in sizes.to_list():
                pair = (size["height"], size["width"])
                if None in pair:
                    found.append(None)
                    continue
                if pair not in known:
                    known[pair] = int(processor._get_num_multimodal_tokens(image_sizes=[pair])["num_image_tokens"][0])
                found.append(known[pair])
            return pl.Series(found, dtype=pl.Int64)

        sizes = pl.struct(width.alias("width"), height.alias("height"))
        return sizes.map_batches(counted, return_dtype=pl.Int64)


_CHATML = ("<|im_start|>user\n", "<|im_start|>assistant\n")
_QWEN = Modules(vision=r"visual\.blocks", language=r"language_model\.layers", tower="visual", whole=("visual",))
_FAMILIES = (
    Family(LIMITS["Qwen2-VL"], ("qwen2_vl",), *_CHATML, _QWEN, qwen_shape, coordinates="thousandths"),
    # The values of its vision encoder exceed the range of float16: vLLM issue 13968, llama.cpp issue 17534.
    Family(
        LIMITS["Qwen2.5-VL"], ("qwen2_5_vl",), *_CHATML, _QWEN, qwen_shape, coordinates="pixels", vision_in_float32=True
    ),
    Family(LIMITS["Qwen3-VL"], ("qwen3_vl",), *_CHATML, _QWEN, qwen_shape, coordinates="thousandths"),
    Family(
        LIMITS["Qwen3.5"],
        ("qwen3_5",),
        instruction=_CHATML[0],
        # If the model is asked not to think, an empty thought comes before each answer.
        response="<|im_start|>assistant\n<think>\n\n</think>\n\n",
        template={"enable_thinking": False},
        modules=Modules(
            vision=_QWEN.vision,
            language=_QWEN.language,
            tower=_QWEN.tower,
            whole=_QWEN.whole,
            attention="self_attn|linear_attn|attn",
            linear=rf"{_QWEN.linear}|in_proj_\w+",
        ),
        shape=qwen_shape,
        coordinates="thousandths",
    ),
    TiledFamily(
        LIMITS["SmolVLM"],
        ("idefics3", "smolvlm"),
        instruction="<|im_start|>User:",
        response="<end_of_utterance>\nAssistant:",
        modules=Modules(
            vision=r"vision_model\.encoder\.layers", language=r"text_model\.layers", tower="vision_model",
            whole=("vision_model", "connector"),
        ),
        shape=idefics_shape,
        unsloth=False,
    ),
)  # fmt: skip
FAMILIES = {family.name: family for family in _FAMILIES}
DEFAULT = FAMILIES["Qwen2.5-VL"]


def family_of(name: str, revision: str | None = None) -> Family:
    """The family of a model or adapter: a folder, or an id on the hub, which is asked if the name doesn't say.

    Raises UserError if the family is unknown here or can't be found out.
    """
    base = base_of(name)
    folder = Path(base).expanduser()
    if folder.is_dir():
        return _of_file(base, folder / "config.json")
    known = limits_of(base)
    if known is not None:
        return FAMILIES[known.family]
    if folder.is_absolute() or base.startswith((".", "~")):
        raise UserError(f"{name}: its base model {base} is missing; put it back")
    try:
        file = hub_file(base, "config.json")
        if file is None and (adapter := hub_file(base, ADAPTER_FILE)) is not None:
            return family_of(base_of(str(adapter.parent)))
    except Unreachable as error:
        raise UserError(f"{base}: its name doesn't belong to a known family of models ({known_families()}), and the "
                        "hub can't be asked for its config.json") from error  # fmt: skip
    if file is None:
        raise UserError(f"{base}: has no config.json on the hub, so it isn't a model")
    return _of_file(base, file)


def coordinates_of(name: str) -> Coordinates:
    """The unit of a model's boxes. Doesn't ask the hub.

    name: as for `family_of`, or the name on a server. Pixels for a model of an unknown family.
    """
    limits = _limits_at_hand(name)
    return (FAMILIES[limits.family].coordinates if limits is not None else None) or "pixels"


def min_side_of(name: str) -> int:
    """The least length in pixels of each side of an image for a model; for an unknown model, that of the default
    family.
    """
    return (_limits_at_hand(name) or DEFAULT.images).min_side


def _limits_at_hand(name: str) -> ImageLimits | None:
    """The image sizes that a model accepts, if its name or folder says so without asking the hub."""
    base = base_of(name)
    with suppress(UserError):
        return family_of(base).images if Path(base).expanduser().is_dir() else limits_of(base)
    return None


def family_of_model(model: Any) -> Family:
    """The family of a loaded model, by its configuration; the default family if it has none."""
    kind = getattr(getattr(model, "config", None), "model_type", None)
    return next((family for family in _FAMILIES if kind in family.types), DEFAULT)


def known_families() -> str:
    """Their names, for messages."""
    return ", ".join(FAMILIES)


def _of_file(name: str, file: Path) -> Family:
    try:
        kind = json.loads(read_text(file))["model_type"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{name}: its config.json has no model_type, so its family is unknown") from error
    found = next((family for family in _FAMILIES if kind in family.types), None)
    if found is None:
        raise UserError(f"{name}: is a {kind}; the families supported here are {known_families()}")
    return found
