"""Names of everything that a run has in FiftyOne: dataset, fields, tags, values. Holds no data and makes none.

`curate browse` writes the dataset under these names; the plugin in `curate/browse/plugin` reads and changes it.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

SAMPLE_ID = "sample_id"
SOURCE = "source"
#: The image as the run names it, relative to the root of its source.
IMAGE = "image"
SPLIT = "split"
#: The label as it was read, its canonical spelling, and the label with every proposed fix made (None: no proposal).
LABEL = "label"
CANONICAL = "canonical"
#: The label as plain text, `15.4 × 4 = 61.6`, to search by; None until it is made, after the App is open.
TEXT = "text"
PROPOSED = "proposed"
#: What proposed fixes change in the label, as `deciding.change.marked` writes it; empty without a proposal.
CHANGE = "change"
#: What models read instead of the label; None if no model does.
READING = "reading"
SCORE = "score"
PAIR_SCORE = "pair_score"
#: 1 for the label that predictions contradict most, 2 for the next; None without a contradiction.
LABEL_ERROR_RANK = "label_error_rank"
N_TOKENS = "n_tokens"
VISUAL_KEY = "visual_key"
#: The severity of the worst finding: one of SEVERITIES, or CLEAN.
SEVERITY = "severity"
#: `fo.Classifications`; each has a label (see `finding_label`) and the attributes FINDING_ATTRIBUTES.
FINDINGS = "findings"
FINDING_ATTRIBUTES = ("severity", "message", "span")
#: Codes of the rules with a finding, each once, worst first: a tile has room for three.
RULES = "rules"
#: UNDECIDED or one of TAGS, and the label that the decision gives the sample (None: it keeps its own, or is rejected).
DECISION = "decision"
DECIDED_LABEL = "decided_label"
#: Paths of the drawn label, and of photo and drawing in one picture. `filepath` is the photo.
RENDERED = "rendered"
SIDE_BY_SIDE = "side_by_side"
#: Equal for samples that share their label or image; None for the others.
DUPLICATES = "duplicates"
#: Whether samples of the group disagree: one image with different labels.
CONFLICT = "conflict"

#: How a rule with more places in a label is listed: its first message, and how many more.
MORE_OF_A_RULE = "{} (and {} more in this label)"

#: How many samples are shown by default: the App stays quick, and the worst are among them.
MOST = 200_000
#: Pixels of a card: all have one shape, which the App knows, so that its grid is even.
CARD = (1040, 764)

SEVERITIES = ("error", "warning", "info")
CLEAN = "clean"
UNDECIDED = "undecided"
#: The decisions, which are mirrored as tags of the same name.
TAGS = ("accept", "fix", "edit", "reject")

#: Keys of `dataset.info`. RUN is the absolute path of the run folder, WORK the folder of database and pictures,
#: DRAWINGS and CARDS those of the pictures (see `drawings.path_of`, `cards.card_of`), CONFIG the summary's `config` as
#: JSON.
INFO_VERSION = "texsieve"
INFO_RUN = "run"
INFO_WORK = "work"
INFO_DRAWINGS = "drawings"
INFO_CARDS = "cards"
#: Who makes the decisions in the App; if missing: the OS user.
INFO_WHO = "who"
INFO_FINGERPRINT = "fingerprint"
INFO_PROFILE = "profile"
INFO_CONFIG = "config"

_PREFIX = "texsieve"


def run_hash(run: Path) -> str:
    """Eight hex digits that identify the path of a run folder."""
    return hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:8]


def dataset_name(run: Path) -> str:
    """The name of a run's dataset: `texsieve-<folder's name>-<8 hex>`; readable, and unique to the folder."""
    folder = re.sub(r"[^A-Za-z0-9_.-]+", "-", run.resolve().name).strip("-.")[:60] or "run"
    return f"{_PREFIX}-{folder}-{run_hash(run)}"


def finding_label(code: str, name: str) -> str:
    """A finding's name in the App: `CODE name`."""
    return f"{code} {name}"


def worst(severities: Any) -> str:
    """The worst of some severities, CLEAN if there are none."""
    held = set(severities)
    return next((severity for severity in SEVERITIES if severity in held), CLEAN)
