"""What an audit is asked to do, and how it says how far it is. Does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curate.audit.thresholds import Thresholds
from curate.images.stroke_settings import DEFAULTS, StrokeSettings
from rules import Ruleset, Weights
from rules.sets.model_images import DEFAULT, ImageLimits

#: What the samples of a draw can be grouped by.
GROUPS = ("source", "split", "length")


@dataclass(frozen=True)
class Sampling:
    """How many samples are to be drawn, and by which of GROUPS they are grouped; see `curate.audit.sampling`."""

    size: int
    seed: int = 0
    by: Sequence[str] = GROUPS


@dataclass(frozen=True)
class AuditOptions:
    """What an audit does. `images`, `columns`, `first_numbers` are by source name; the key None is for all."""

    ruleset: Ruleset
    weights: Weights = field(default_factory=Weights)
    thresholds: Thresholds = field(default_factory=Thresholds)
    images: dict[str | None, Path] = field(default_factory=dict)
    #: Runs and files of hashes to hold the samples against.
    against: Sequence[Path] = ()
    #: Licences by source name.
    licences: Mapping[str, str] = field(default_factory=dict)
    columns: dict[str | None, dict[str, str]] = field(default_factory=dict)
    #: The number of line 1 where images are named by numbers; what isn't here is found out.
    first_numbers: Mapping[str | None, int] = field(default_factory=dict)
    probe_images: bool = True
    #: How pictures are drawn for samples that have strokes.
    strokes: StrokeSettings = DEFAULTS
    #: Prediction files to hold against the labels.
    predictions: Sequence[Path] = ()
    #: Folder where measures of images are kept from run to run; None: nowhere.
    cache: Path | None = None
    limit: int | None = None
    #: Judge a part of what is read; None: all.
    sample: Sampling | None = None
    update: bool = False
    workers: int = 1
    #: Known findings, as `curate.findings.baseline` reads them; None: there is no baseline.
    known: pl.DataFrame | None = None
    command: Sequence[str] = ()
    #: The family of models whose limits images are held against.
    model: ImageLimits = DEFAULT


#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
