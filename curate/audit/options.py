"""What an audit is asked to do, and how it reports its progress. Does nothing."""

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
    """How many samples to draw, and by which of GROUPS to group them; see `curate.audit.sampling`."""

    size: int
    seed: int = 0
    by: Sequence[str] = GROUPS


@dataclass(frozen=True)
class AuditOptions:
    """What an audit does. `images`, `columns`, `first_numbers` are by source name; the key None applies to all."""

    ruleset: Ruleset
    weights: Weights = field(default_factory=Weights)
    thresholds: Thresholds = field(default_factory=Thresholds)
    images: dict[str | None, Path] = field(default_factory=dict)
    #: Runs and files of hashes to compare the samples with.
    against: Sequence[Path] = ()
    #: Licences by source name.
    licences: Mapping[str, str] = field(default_factory=dict)
    columns: dict[str | None, dict[str, str]] = field(default_factory=dict)
    #: The number of line 1 if images are named by numbers; found out for sources not listed.
    first_numbers: Mapping[str | None, int] = field(default_factory=dict)
    probe_images: bool = True
    #: How pictures are drawn for samples that have strokes.
    strokes: StrokeSettings = DEFAULTS
    #: Prediction files to compare with the labels.
    predictions: Sequence[Path] = ()
    #: The folder that keeps measures of images between runs; None: nowhere.
    cache: Path | None = None
    limit: int | None = None
    #: Judge a part of what is read; None: all.
    sample: Sampling | None = None
    update: bool = False
    workers: int = 1
    #: Known findings, as `curate.findings.baseline` reads them; None: there is no baseline.
    known: pl.DataFrame | None = None
    command: Sequence[str] = ()
    #: The family of models whose limits images must meet.
    model: ImageLimits = DEFAULT


#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
