"""Says what a model is before it is loaded: an adapter, a folder or an id; how it was trained; what its weights are.

Reads names, settings and hashes. Loads no model and imports nothing heavy: what can be told of a wrong name is told
before minutes of imports.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curate.base.errors import UserError
from curate.base.leftovers import restore
from finetune.models.adapters import ADAPTER_FILE, base_of
from finetune.models.hub import Unreachable, adapter_folder, check_id, hub_file, is_here
from finetune.settings.config import Config, load_config

#: The settings of the training, kept beside every adapter and every merged model.
SETTINGS = "finetune.yaml"
#: What is known of the training: data, versions, losses.
TRAINING = "training.json"
#: Files of a model that decide its answers, by their ending.
_ENDINGS = (".safetensors", ".bin", ".pt", ".json", ".jinja", ".model", ".txt")
#: Files that don't, though they end so.
_BESIDES = (TRAINING, "metrics.json", "trainer_state.json")
#: A larger file is hashed by its size and three pieces: the weights of a 7B model would take a minute.
_WHOLE = 64 << 20
_PIECE = 1 << 20
#: No label has more tokens: it would be longer than what any model here reads.
_MOST_TOKENS = 1 << 17

Kind = Literal["adapter", "folder", "hub"]


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model by its name.

    base: an adapter's base model, else the name. config: the settings it was trained with, None for a base model.
    quantized: its weights are stored in 4 bits. answer_tokens: of the longest label it was trained on, where that is
    known. identity: JSON values that are equal for equal weights, as far as that
    can be seen without loading them.
    """

    name: str
    kind: Kind
    base: str
    config: Config | None
    quantized: bool
    identity: dict[str, Any]
    answer_tokens: int | None = None


def model_facts(name: str) -> ModelFacts:
    """What is known of a model: a folder with a model or an adapter, or an id on the hub, where an adapter is fetched.

    Raises UserError as `check_model` does, and where the hub has no such model or can't be asked.
    """
    check_model(name)
    folder = Path(name).expanduser()
    called = folder.name
    if not folder.exists():
        fetched = adapter_folder(name)
        if fetched is None:
            return _of_the_hub(name)
        folder, called = fetched, name
    adapter = (folder / ADAPTER_FILE).is_file()
    return ModelFacts(
        str(folder),
        "adapter" if adapter else "folder",
        base_of(str(folder)),
        training_settings(folder),
        not adapter and _is_quantized(folder),
        {"name": called, "sha256": weights_sha256(folder)},
        _answer_tokens(folder),
    )


def _answer_tokens(folder: Path) -> int | None:
    try:
        found = json.loads((folder / TRAINING).read_text(encoding="utf-8"))["answer_tokens"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if type(found) is int and 0 < found <= _MOST_TOKENS else None


def layers(base: str) -> int | None:
    """How many layers a base model's language model has, by its config.json; None where that isn't at hand."""
    file: Path | None = Path(base).expanduser() / "config.json"
    try:
        if not (file and file.is_file()):
            file = hub_file(base, "config.json")
        config = json.loads(file.read_text(encoding="utf-8")) if file else {}
        found = config.get("text_config", config).get("num_hidden_layers")
    except (Unreachable, OSError, ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, int) else None


def check_model(name: str) -> None:
    """Raises UserError for a name that leads nowhere, and a folder that holds no model. Asks nobody."""
    folder = Path(name).expanduser()
    if not restore(folder):  # an adapter may have been moved away by a training that was killed
        check_id(name)
    elif not folder.is_dir():
        raise UserError(f"{name}: is a file; a model is a folder or an id on the hub")
    elif not (folder / ADAPTER_FILE).is_file() and not (folder / "config.json").is_file():
        raise UserError(
            f"{name}: holds neither config.json nor {ADAPTER_FILE}, so no model and no adapter{_meant(folder)}"
        )


def _of_the_hub(name: str) -> ModelFacts:
    """A whole model on the hub: a base model, or what somebody merged."""
    file = None
    try:
        file = hub_file(name, "config.json")
        settings = hub_file(name, SETTINGS)
    except Unreachable:
        if not is_here(name):
            raise
        # Its weights are here, and nobody can be asked for more. Who merges a model keeps finetune.yaml beside it.
        return ModelFacts(name, "hub", name, None, False, {"id": name, "revision": file and file.parent.name})
    if file is None:
        raise UserError(f"{name}: holds neither config.json nor {ADAPTER_FILE} on the hub, so no model and no adapter")
    config = load_config(settings) if settings else None
    # The commit that is in the cache, so that it is the same for a prediction that goes on.
    return ModelFacts(name, "hub", name, config, _is_quantized(file.parent), {"id": name, "revision": file.parent.name})


def training_settings(folder: Path) -> Config | None:
    """The settings that an adapter or merged model was trained with, None where they aren't beside it.

    A checkpoint of a training that goes on has them two folders up.
    """
    places = (folder / SETTINGS, folder.parent / "config.yaml", folder.parent.parent / "config.yaml")
    for file in places:
        if file.is_file() and (file == places[0] or (file.parent / "state.json").is_file()):
            return load_config(file)
    return None


def weights_sha256(folder: Path) -> str:
    """A hash of a model's files. Of files over 64 MiB it takes the size, the beginning, the middle and the end."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix not in _ENDINGS or path.name in _BESIDES or not path.is_file():
            continue
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= _WHOLE:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                continue
            for start in (0, size // 2, size - _PIECE):
                file.seek(start)
                digest.update(file.read(_PIECE))
    return digest.hexdigest()


def _is_quantized(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{folder / 'config.json'}: is no model's configuration ({error})") from error
    return isinstance(config, dict) and bool(config.get("quantization_config"))


def _meant(folder: Path) -> str:
    """What a folder above an adapter was perhaps meant to be."""
    inside = sorted(path.parent for path in folder.glob(f"*/{ADAPTER_FILE}"))
    return f"; did you mean {inside[0]}?" if inside else ""
