"""Facts about a model before it is loaded: adapter, folder or id; how it was trained; what its weights are.

Reads names, settings and hashes. Loads no model and imports nothing heavy, so that a wrong name is reported at once and
not after minutes of imports.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curate.base.errors import UserError
from curate.base.given_files import no_folder, read_text
from curate.base.leftovers import restore
from finetune.models.adapters import ADAPTER_FILE, base_of
from finetune.models.hub import Unreachable, adapter_folder, check_id, hub_file, is_here
from finetune.settings.config import Config, load_config

#: The settings of the training, next to every adapter and every merged model.
SETTINGS = "finetune.yaml"
#: The facts of the training: data, versions, losses.
TRAINING = "training.json"
#: Extensions of the files that decide the answers of a model.
_ENDINGS = (".safetensors", ".bin", ".pt", ".json", ".jinja", ".model", ".txt")
#: Files that don't, in spite of their extension.
_BESIDES = (TRAINING, "metrics.json", "trainer_state.json")
#: Of a larger file, only the size and three pieces are hashed: the weights of a 7B model would take a minute.
_WHOLE = 64 << 20
_PIECE = 1 << 20
#: No label has more tokens: it would be longer than what any model here reads.
_MOST_TOKENS = 1 << 17

Kind = Literal["adapter", "folder", "hub"]


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model from its name.

    base: the base model of an adapter, else the name. config: the settings of its training, None for a base model.
    quantized: its weights are stored in 4 bits. answer_tokens: the number of tokens in the longest training label, if
    known. identity: JSON values that are equal for equal weights, as far as that can be seen without loading them.
    """

    name: str
    kind: Kind
    base: str
    config: Config | None
    quantized: bool
    identity: dict[str, Any]
    answer_tokens: int | None = None


def model_facts(name: str) -> ModelFacts:
    """What is known about a model: a folder with a model or an adapter, or an id on the hub. An adapter is fetched.

    Raises UserError as `check_model` does, and if the hub has no such model or can't be reached.
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
        found = json.loads(read_text(folder / TRAINING))["answer_tokens"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if type(found) is int and 0 < found <= _MOST_TOKENS else None


def layers(base: str) -> int | None:
    """The number of layers in the language model of a base model, from its config.json; None if that isn't
    available.
    """
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
    """Raises UserError for a name that can't be a model, and for a folder without a model. Sends no request."""
    folder = Path(name).expanduser()
    if not restore(folder):  # an adapter may have been moved away by a training that was killed
        check_id(name)
    elif not folder.is_dir():
        raise UserError(f"{name}: {no_folder(folder)}; a model is a folder or an id on the hub")
    elif not (folder / ADAPTER_FILE).is_file() and not (folder / "config.json").is_file():
        raise UserError(
            f"{name}: has neither config.json nor {ADAPTER_FILE}, so it isn't a model or an adapter{_meant(folder)}"
        )


def _of_the_hub(name: str) -> ModelFacts:
    """A complete model on the hub: a base model or a merged one."""
    file = None
    try:
        file = hub_file(name, "config.json")
        settings = hub_file(name, SETTINGS)
    except Unreachable:
        if not is_here(name):
            raise
        # Its weights are here, and the hub can't be reached for more. Merged models have finetune.yaml next to them.
        return ModelFacts(name, "hub", name, None, False, {"id": name, "revision": file and file.parent.name})
    if file is None:
        raise UserError(
            f"{name}: has neither config.json nor {ADAPTER_FILE} on the hub, so it isn't a model or an adapter"
        )
    config = load_config(settings) if settings else None
    # The commit in the cache, so that it stays the same when a prediction is continued.
    return ModelFacts(name, "hub", name, config, _is_quantized(file.parent), {"id": name, "revision": file.parent.name})


def training_settings(folder: Path) -> Config | None:
    """The settings that an adapter or merged model was trained with; None if they aren't in its folder.

    For a checkpoint of a running training, they are two folders up.
    """
    places = (folder / SETTINGS, folder.parent / "config.yaml", folder.parent.parent / "config.yaml")
    for file in places:
        if file.is_file() and (file == places[0] or (file.parent / "state.json").is_file()):
            return load_config(file)
    return None


def weights_sha256(folder: Path) -> str:
    """A hash of the files of a model. Of files over 64 MiB, it uses the size, the beginning, the middle and the end."""
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
        config = json.loads(read_text(folder / "config.json"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{folder / 'config.json'}: is not a model's configuration ({error})") from error
    return isinstance(config, dict) and bool(config.get("quantization_config"))


def _meant(folder: Path) -> str:
    """A hint at the adapter inside a folder, if there is one."""
    inside = sorted(path.parent for path in folder.glob(f"*/{ADAPTER_FILE}"))
    return f"; did you mean {inside[0]}?" if inside else ""
