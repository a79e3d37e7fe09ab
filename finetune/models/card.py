"""Writes the text of a model's card: README.md with front matter for the hub. Measures nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate import __version__
from curate.base.tables import Column, count, markdown_table, markdown_text, things
from curate.export.tell.card import code
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.metric import Metric
from finetune.settings.config import Config, as_yaml
from rules.sets.licences import LICENCES, OTHER, UNKNOWN


@dataclass(frozen=True)
class TrainingFacts:
    """Where a model comes from. `training` is the content of training.json, empty for an adapter from another
    program.
    """

    config: Config
    training: Mapping[str, Any] = field(default_factory=dict)
    #: What `finetune evaluate` wrote about this model; None if nothing is known.
    metrics: Mapping[str, Any] | None = None
    #: Whether `config` is the one that it was trained with, rather than the defaults.
    known: bool = True


#: The kinds of models: the hub's word for their relation to the base, the library, what to call them.
_KINDS = {
    "adapter": ("adapter", "peft", "LoRA adapter"),
    "merged_16bit": ("finetune", "transformers", "merged model (16 bits)"),
    "merged_4bit": ("quantized", "transformers", "merged model (4 bits, NF4)"),
    "gguf": ("quantized", "gguf", "merged model in GGUF files for llama.cpp"),
}
#: Licences of the supported models, from their cards on the hub in November 2026: end of the name to (the hub's
#: identifier, name, link). The licence of a base that isn't listed is unknown here.
_BASES = {
    "qwen2.5-vl-3b-instruct": (OTHER, "qwen-research", "https://huggingface.co/Qwen/Qwen2.5-VL-3B-Instruct/blob/main/LICENSE"),
    "qwen2.5-vl-7b-instruct": ("apache-2.0", None, None),
    "qwen2.5-vl-32b-instruct": ("apache-2.0", None, None),
    "qwen2.5-vl-72b-instruct": (OTHER, "qwen", "https://huggingface.co/Qwen/Qwen2.5-VL-72B-Instruct/blob/main/LICENSE"),
}  # fmt: skip
_BASES_SEEN = ("-unsloth-bnb-4bit", "-bnb-4bit")


def model_card(facts: TrainingFacts, kind: str) -> str:
    """The card of a model of one of the kinds adapter, merged_16bit, merged_4bit, gguf."""
    base = str(facts.training.get("base") or facts.config.model.name)
    data = facts.training.get("data") or {}
    parts = [
        f"---\n{_front_matter(facts, kind, base).strip()}\n---",
        f"# {_title(base)}",
        f"A {_KINDS[kind][2]} that writes the LaTeX of a formula in an image. Base model: {code(base, cell=False)}."
        + (f" {_trained_with(facts)}" if facts.known else ""),
        "## Use it",
        _use(facts, kind),
        "## Data",
        _data(data),
        "## Training",
        _training(facts),
        "## Results",
        _results(facts, data),
        "## Limits",
        _limits(facts, kind, base),
        *(("## Settings", _block("yaml", as_yaml(facts.config).strip())) if facts.known else ()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _trained_with(facts: TrainingFacts) -> str:
    version = facts.training.get("packages", {}).get("texsieve") or __version__
    library = ", Unsloth" if facts.training.get("library") == "unsloth" else ""
    return f"Trained with texsieve {version} (`finetune train`{library})."


def _front_matter(facts: TrainingFacts, kind: str, base: str) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    relation, library, _ = _KINDS[kind]
    matter: dict[str, Any] = {
        "library_name": library,
        "pipeline_tag": "image-text-to-text",
        "tags": [
            *("latex", "math", "formula-recognition", "texsieve"),
            *(("unsloth",) if facts.training.get("library") == "unsloth" else ()),
        ],
    }
    if base.count("/") == 1:  # an id on the hub; a folder's name would point to somebody else's model, or to none
        matter |= {"base_model": base, "base_model_relation": relation}
    licence = _licence(base)
    if licence is not None:
        identity, name, link = licence
        matter |= {"license": identity, **({"license_name": name, "license_link": link} if name else {})}
    if facts.metrics is not None:
        matter["model_name"] = _title(base)
        asked = (facts.metrics.get("predicted") or {}).get("data") or {}
        matter["eval_results"] = [
            EvalResult(
                task_type="image-to-text",
                dataset_type=str(asked.get("name") or "unknown"),
                dataset_name=str(asked.get("name") or "unknown"),
                dataset_split=asked.get("split"),
                metric_type=metric.hub_name or metric.name,
                metric_name=metric.title_with_unit,
                metric_value=round(facts.metrics[metric.name], 4),
            )
            for metric in _metrics(facts.metrics)
        ]
    return ModelCardData(**matter).to_yaml()


def _title(base: str) -> str:
    return markdown_text(f"{base.rsplit('/', 1)[-1]} for formulas")


def _use(facts: TrainingFacts, kind: str) -> str:
    lines = {
        "gguf": "llama-mtmd-cli -m model-*.gguf --mmproj mmproj-model-bf16.gguf --image formula.png --temp 0 -p PROMPT",
    }.get(kind, "finetune predict path/to/this/folder DATASET --out predictions.jsonl")
    if not facts.known:
        more = "With which prompt and image sizes it was trained isn't known. Other ones may make it worse."
        return f"```sh\n{lines}\n```\n\n{more}"
    pixels = facts.config.data.max_pixels
    more = (
        "It was trained with this prompt, and with images scaled to at most "
        f"{count(pixels)} pixels, never to a fixed width: {code(facts.config.data.prompt, cell=False)}. "
        "Other prompts or sizes make it worse. Decode greedily and without a repetition penalty, because formulas "
        "repeat themselves."
    )
    return f"```sh\n{lines}\n```\n\n{more}"


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return "Not known."
    lines = [f"- Data set: {code(str(data.get('name')), cell=False)}"]
    if data.get("manifest_sha256"):
        lines.append(
            "- SHA-256 of its manifest.json, which lists those of all files: "
            f"{code(data['manifest_sha256'], cell=False)}"
        )
    lines += [
        f"- SHA-256 of the ids and labels used of split {code(split, cell=False)}: {code(digest, cell=False)}"
        for split, digest in (data.get("sha256") or {}).items()
    ]
    if data.get("splits"):
        told = ", ".join(f"{markdown_text(name)} {count(number)}" for name, number in data["splits"].items())
        lines.append(f"- Samples: {told}")
    if data.get("sources"):
        lines.append(f"- Sources: {', '.join(markdown_text(name) for name in data['sources'])}")
    licence = data.get("licence")
    if licence:
        known = LICENCES[licence].name if licence in LICENCES else licence
        named = {UNKNOWN: "not known", OTHER: "no single one; see the data set's card"}.get(licence, known)
        lines.append(f"- Licence: {markdown_text(named)}")
    return "\n".join(lines)


def _training(facts: TrainingFacts) -> str:
    known = facts.training
    if not known:
        return "Not known: the model came without training.json."
    loss = known.get("loss") or {}
    rows = [
        ["steps", count(known.get("steps"))],
        ["loss at the first and last log", f"{loss['first']:.4g}, {loss['last']:.4g}" if loss else "–"],
        ["lowest loss on the validation set", f"{known['eval_loss']:.4g}" if known.get("eval_loss") else "–"],
        ["hardware", ", ".join(known.get("gpus") or ()) or "no GPU: a toy model in a test"],
        ["processes", count(known.get("processes"))],
        *([name, version] for name, version in (known.get("packages") or {}).items() if version),
    ]
    return markdown_table(
        [Column("what"), Column("value")], [[markdown_text(str(cell)) for cell in row] for row in rows]
    )


def _results(facts: TrainingFacts, data: Mapping[str, Any]) -> str:
    metrics = facts.metrics
    if metrics is None:
        return (
            "None here. `finetune predict`, then `finetune evaluate PRED.jsonl --out DIR`, then "
            "`finetune card FOLDER --metrics DIR/metrics.json` puts them here."
        )
    rows = []
    for metric in _metrics(metrics):
        ends = metrics["ci"].get(metric.name)
        interval = " to ".join(map(metric.unit.rounded, ends)) if ends else "–"
        rows.append([metric.title_with_unit, metric.unit.rounded(metrics[metric.name]), interval])
    table = markdown_table([Column("metric"), Column("value", "right"), Column("95 % interval", "right")], rows)
    runaways = (metrics.get("runaway") or {}).get("n")
    told = f" {things(runaways, 'prediction')} ran away." if runaways else ""
    taken = (metrics.get("unwrapped") or {}).get("n") if (metrics.get("unwrapped") or {}).get("on") else 0
    unwrapped = f", with the text around {things(taken, 'formula')} removed" if taken else ""
    of = _asked((metrics.get("predicted") or {}).get("data") or {}, metrics["n"], facts.config, data)
    served = ((metrics.get("predicted") or {}).get("model") or {}).get("served_model")
    told += (
        f" The answers came from a server, where the model is called {code(str(served), cell=False)}." if served else ""
    )
    on = f"On {things(metrics['n'], 'prediction')}{of} `finetune evaluate`, labels as they are{unwrapped}.{told}"
    return f"{table}\n\n{on}"


def _metrics(metrics: Mapping[str, Any]) -> list[Metric]:
    """The metrics that belong on a card and were measured."""
    return [
        metric
        for metric in all_metrics().values()
        if metric.hub_name and isinstance(metrics.get(metric.name), int | float)
    ]


def _asked(asked: Mapping[str, Any], predicted: int, config: Config, trained: Mapping[str, Any]) -> str:
    """Which data was predicted, and whether the model had seen it: the end of a sentence, and perhaps another."""
    if not asked:
        return "; the data is unknown."
    rows = asked.get("rows")
    part = f" ({count(rows)} were to be made)" if isinstance(rows, int) and rows > predicted else ""
    told = f"{part} of split {code(str(asked.get('split')), cell=False)} of {code(str(asked.get('name')), cell=False)}."
    same = "manifest_sha256" if asked.get("manifest_sha256") and trained.get("manifest_sha256") else "name"
    if asked.get(same) != trained.get(same):
        return told
    if asked.get("split") == config.data.train:
        return f"{told} **It was trained on these samples**: the figures show what it remembers, not what it can read."
    if asked.get("split") == config.data.validation:
        return f"{told} Its training used this split to choose the best weights, so the figures flatter it."
    return told


def _block(language: str, text: str) -> str:
    """A code block that nothing in `text` can end."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _limits(facts: TrainingFacts, kind: str, base: str) -> str:
    licence = _licence(base)
    said = (
        "The licence of the base model also applies to this one"
        f"{': ' + str(licence[1] or licence[0]) if licence else ''}. "
        + ("" if licence else "It isn't known here; see the card of the base model. ")
        + "That of the data may also apply. This is not legal advice."
    )
    untrained = (
        " It was not trained on pages, text around formulas, tables, or symbols and handwriting that the data lacks."
    )
    lines = [
        "It reads one formula per image." + (untrained if facts.known else ""),
        "It answers whatever it is shown: even an image without a formula gets LaTeX. A high score of an answer "
        "(mean log-probability) means that the model is sure, not that it is right.",
        "Valid LaTeX can be the wrong formula. Check important formulas against the image.",
        said,
    ]
    if kind == "adapter" and facts.known and facts.config.model.load_in_4bit:
        lines.append("It was trained on the base in 4 bits; on other weights of the base, its answers may differ.")
    if kind == "merged_16bit" and facts.known and facts.config.model.load_in_4bit:
        lines.append(
            "The adapter was trained on the base in 4 bits and added to its 16-bit weights, as is usual. The result is "
            "close but not equal, so occasionally an answer differs from the adapter's."
        )
    if kind in ("merged_4bit", "gguf"):
        lines.append("Its weights were rounded after the adapter was added: evaluate this model, not only the adapter.")
    if facts.metrics is None:
        lines.append("It has not been evaluated (see Results).")
    if facts.training and not facts.training.get("gpus"):
        lines.append("It was trained without a GPU: it is a toy for tests, with no other use.")
    return "\n".join(f"- {line}" for line in lines)


def _licence(base: str) -> tuple[str, str | None, str | None] | None:
    name = base.lower()
    for ending in _BASES_SEEN:
        name = name.removesuffix(ending)
    return next((licence for end, licence in _BASES.items() if name.endswith(end)), None)
