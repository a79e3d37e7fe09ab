"""Recognises files beside a data set's labels that hold none: vocabularies, settings, logs, lists of names.

A name that is used for nothing else decides, or the content if it is unmistakable. A file with such a name that does
hold labels can still be given directly: `curate audit FILE` never asks here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.base.column_names import LABEL_COLUMNS
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look

_SETTINGS, IMAGE_LIST = "settings", "list of image names"

#: What a name without its endings says a file is; the first match counts. `_` also stands for `-`, `.` and space.
_BY_NAME = (
    (
        "documentation",
        r"readme(_\w+)?|licen[cs]es?|copying|notice|change_?log|citation|authors|contributors|contributing|todo",
    ),
    ("settings", r"requirements\w*|constraints|package|(\w+_)?configs?|(\w+_)?settings|hparams|args|opts?|params"),
    (
        "settings",
        r"state|dataset_infos?|dataset_dict|dataset_card|preprocessor_config|trainer_state|cmakelists|environment",
    ),
    (
        "vocabulary",
        r"(\w+_)?(dict|dic|dictionary|vocabs?|vocabulary|vocabularies|char_?set|charsets|alphabet|word_?dict)(_\w+)?",
    ),
    (
        "vocabulary",
        r"words?_?dict|(latex_|math_)?tokens?|(\w+_)?tokenizer(_\w+)?|special_tokens_map|added_tokens|merges",
    ),
    ("vocabulary", r"\w*(2idx|2id|_to_id|_to_idx|2index|2label)|id2\w+|idx2\w+"),
    (
        "log or report",
        r"(bad|broken|dropped|corrupt(ed)?|invalid|fail(ed|ures)?|errors?|missing|skip(ped)?|excluded|removed|rejected)(_\w+)?",
    ),
    (
        "log or report",
        r"(\w+_)?(logs?|errors?|reports?|stats|statistics|summary|metrics|checksums?|md5(sums?)?|sha\d+)",
    ),
)
#: Endings of files that never hold labels, and what they are; None if the name must say it.
BY_ENDING = {
    ".log": "log or report",
    ".yaml": _SETTINGS,
    ".yml": _SETTINGS,
    ".toml": _SETTINGS,
    ".ini": _SETTINGS,
    ".cfg": _SETTINGS,
    ".parquet": None,
    ".md": None,
    ".rst": None,
}
_KINDS = tuple((kind, re.compile(pattern)) for kind, pattern in _BY_NAME)
_LISTED = re.compile(rf"\S*{IMAGE_NAME}\s*$")


def kind(look: Look) -> str | None:
    """What a file beside labels is, in a word or two; None if it may hold labels itself."""
    return kind_by_name(look.path.name) or (_kind_by_content(look) if look.suffix != ".csv" else None)


def kind_by_name(name: str) -> str | None:
    """`kind`, from the name alone."""
    if name.startswith("."):
        return "hidden file"
    plain = name.lower().removesuffix(".gz")
    suffix = Path(plain).suffix
    if BY_ENDING.get(suffix):
        return BY_ENDING[suffix]
    stem = re.sub(r"[-. ]", "_", plain.removesuffix(suffix) if suffix else plain)
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(stem)), None)


def _kind_by_content(look: Look) -> str | None:
    if look.suffix in (".txt", ".lst", "") and look.share(_LISTED) >= 0.95:
        return IMAGE_LIST
    if look.suffix == ".json" and len(look.records) == 1 and isinstance(look.records[0], dict):
        return _SETTINGS if _is_settings(look.records[0]) else None
    return None


def _is_settings(record: Mapping[str, Any]) -> bool:
    """Is it a flat object with numbers in it and no label, like `{"max_iter": 100}` or `{"\\frac": 4}`?

    JSON-LD (`croissant.json`) and the manifest of an export count too; {image: label} doesn't.
    """
    if "@context" in record or "manifest_version" in record:
        return True
    if any(key.lower() in LABEL_COLUMNS or key.lower().endswith(IMAGE_ENDINGS) for key in record):
        return False
    values = list(record.values())
    flat = all(value is None or isinstance(value, str | int | float) for value in values)
    return flat and any(isinstance(value, int | float) for value in values)
