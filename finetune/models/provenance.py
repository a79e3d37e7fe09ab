"""Adds the provenance to the folder of an adapter or a merged model: settings, training.json, the card.

    accompany(adapter, training_facts(run))        # after a training wrote an adapter
    accompany(merged, read_facts(adapter), "merged_16bit")

finetune.yaml has the settings of the training: `finetune predict` asks the model with the same ones. training.json has
hashes of the data, versions and losses, but no paths of the machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.base.atomic_files import new_text
from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.export.tell.manifest import MANIFEST, read_manifest
from finetune.models.adapters import ADAPTER_FILE, base_of
from finetune.models.card import TrainingFacts, model_card
from finetune.models.facts import SETTINGS, TRAINING
from finetune.predict.file import read_facts as read_predicted
from finetune.settings.config import Config, as_yaml, load_config
from finetune.train.run_folder import CONFIG, ENVIRONMENT, RunFolder

CARD, METRICS = "README.md", "metrics.json"


def training_facts(run: Path) -> TrainingFacts:
    """What a run folder says about its adapter, even while the training is running."""
    config = load_config(run / CONFIG)
    environment = _read(run / ENVIRONMENT)
    losses = RunFolder(run).losses()
    trained = [line["loss"] for line in losses if line.get("loss") is not None]
    judged = [line["eval_loss"] for line in losses if line.get("eval_loss") is not None]
    return TrainingFacts(
        config,
        {
            "base": _public(base_of(config.model.name)),
            "data": data_facts(config.data.path, environment.get("data_sha256")),
            "answer_tokens": environment.get("answer_tokens"),
            "steps": max((line.get("step") or 0 for line in losses), default=0),
            "loss": {"first": trained[0], "last": trained[-1]} if trained else None,
            "eval_loss": min(judged, default=None),
            "gpus": [gpu["name"] for gpu in environment.get("gpus", ())],
            "processes": environment.get("processes", 1),
            "library": environment.get("library"),
            "python": environment.get("python"),
            "packages": {"texsieve": environment.get("texsieve"), **environment.get("packages", {})},
        },
    )


def data_facts(path: str, hashes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What identifies the training data. hashes: of the ids and labels of each split, by its name."""
    folder = Path(path)
    facts: dict[str, Any] = {"name": _public(path), "sha256": dict(hashes or {})}
    file = folder / MANIFEST
    if file.is_file():
        facts["manifest_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        try:
            manifest = read_manifest(folder)
        except UserError:
            return facts
        facts["licence"] = manifest.get("licence")
        facts["sources"] = [row["source"] for row in manifest.get("sources", ())]
        facts["splits"] = {row["split"]: row["samples"] for row in manifest.get("splits", ())}
    return facts


def read_facts(folder: Path) -> TrainingFacts:
    """The facts in the folder of an adapter or a merged model; the defaults if another program trained it."""
    config = load_config(folder / SETTINGS) if (folder / SETTINGS).is_file() else None
    known = config is not None
    if config is None:
        config = replace(Config(), model=replace(Config().model, name=base_of(str(folder))))
    metrics = folder / METRICS
    return TrainingFacts(config, _read(folder / TRAINING), _read(metrics) if metrics.is_file() else None, known)


def read_kind(folder: Path) -> str:
    """The kind of model in a folder: "adapter", or how it was merged."""
    kind = _read(folder / TRAINING).get("kind")
    if isinstance(kind, str):
        return kind
    return "adapter" if (folder / ADAPTER_FILE).is_file() else "merged_16bit"


def prediction_facts(path: Path) -> dict[str, Any] | None:
    """What `finetune predict` recorded next to a file of predictions: which model read which split of which data.

    None for a file from another program.
    """
    facts = read_predicted(path) or {}
    model, data = facts.get("model"), facts.get("data")
    if not isinstance(model, dict) or not isinstance(data, dict):
        return None
    return {
        "model": {
            name: model.get(name) for name in ("name", "id", "revision", "sha256", "served_model") if model.get(name)
        },
        "data": {
            "name": _public(str(data.get("path"))),
            **{name: data.get(name) for name in ("split", "rows", "sha256", "manifest_sha256")},
            **({"style": data["style"]} if data.get("style") else {}),
        },
        "prompt": facts.get("prompt"),
    }


def read_metrics(path: Path) -> dict[str, Any]:
    """The metrics that `finetune evaluate --out` wrote. Raises UserError for any other file."""
    found = _read(path)
    if not isinstance(found.get("n"), int) or not isinstance(found.get("ci"), dict):
        raise UserError(f"{path}: has no metrics; name a metrics.json that `finetune evaluate --out DIR` wrote")
    return found


def accompany(folder: Path, facts: TrainingFacts, kind: str = "adapter") -> None:
    """Write finetune.yaml, training.json and README.md into a model's folder. kind: "adapter" or how it was merged."""
    facts = replace(facts, config=public(facts.config))
    card = card_of(folder, facts, kind)
    new_text(folder / SETTINGS, as_yaml(facts.config))
    new_text(folder / TRAINING, json.dumps({**facts.training, "kind": kind}, ensure_ascii=False, indent=1) + "\n")
    new_text(folder / CARD, card)


def card_of(folder: Path, facts: TrainingFacts, kind: str) -> str:
    """The text of a model's card. Raises UserError if its facts aren't what texsieve writes."""
    try:
        return model_card(replace(facts, config=public(facts.config)), kind)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder}: {TRAINING} or {METRICS} beside the model doesn't hold what texsieve writes there "
            f"({type(error).__name__}: {error}); remove it"
        ) from error


def is_card(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a card that `model_card` wrote."""
    matter, end, _ = start.partition(b"\n---\n")
    return matter.startswith(b"---\n") and b"\n- texsieve\n" in matter + end


def public(config: Config) -> Config:
    """The settings without paths on this machine, so that a published model reveals no folders."""
    return replace(
        config,
        out=_public(config.out),
        model=replace(config.model, name=_public(config.model.name)),
        data=replace(config.data, path=_public(config.data.path)),
    )


def _public(name: str) -> str:
    """A name without its folder; an id on the hub stays as it is."""
    path = Path(name)
    return path.name if path.is_absolute() or path.exists() or name.startswith((".", "~")) else name


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: can't be read ({error})") from error
    return value if isinstance(value, dict) else {}
