"""What an export is asked for: flags and the table [export] of the project file, checked. Does none of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from curate.base.errors import UserError
from curate.base.settings import NO_KEY, Count, Share, as_flag, check, fill, in_table
from curate.base.surrogates import half_a_pair
from curate.export.format import ExportFormat
from curate.export.registry import FORMATS
from curate.images.model_ready import Crop, Resize

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]  # which a type checker can't know

#: Which of a source's own splits are kept: none; test and validation sets; the training split too.
Keep = Literal["none", "test", "all"]
KEEPS: tuple[Keep, ...] = ("none", "test", "all")
SEVERITIES = ("error", "warning", "info")
#: The prompt of formats with conversations.
PROMPT = "Write the LaTeX code of the formula in this image."

_SPLIT_NAME = re.compile(r"\w+(?:\.\w+)*")  # what `datasets` accepts as the name of a split
_LONGEST_NAME = 100  # characters; with its prefix and ending, it must work as a file name


def _files_beside() -> Iterator[str]:
    """The files that formats write beside the data, whatever the splits are, in lower case."""
    for form in FORMATS.values():
        yield from (name.lower() for name in form.finished(()))


#: Names with another meaning, in lower case.
_TAKEN = {
    "all": "`datasets` takes it for all of them",
    **dict.fromkeys(
        ("assets", "readme.md", "manifest.json", "croissant.json", "dropped.parquet", *_files_beside()),
        "the card or another file beside the data has this name",
    ),
}


def _default_splits() -> dict[str, float]:
    return {"train": 0.9, "validation": 0.05, "test": 0.05}


@dataclass(frozen=True)
class ExportOptions:
    """An export's settings; each has a flag of the same name and a key in the table [export].

    drop: rules (codes, names, families) and severities whose findings drop a sample, besides `error`. keep: those whose
    findings never do. languages: which to keep, for labels with letters other than Latin and Greek; None keeps all.
    max_repeats: samples with one visual key. splits: name to share, the training split first. keep_splits: which of the
    sources' own splits are kept (KEEPS), for all sources or one (`crohme=none`); by default test sets. licences: by
    source.
    """

    format: FormatName = "hf"
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    min_score: Share | None = None
    fix: Literal["none", "safe", "unsafe"] = "none"
    style: Literal["none", "canonical"] = "none"
    max_repeats: Count | None = None
    languages: tuple[str, ...] | None = None
    min_tokens: int | None = None
    max_tokens: Count | None = None
    min_chars: int | None = None
    max_chars: Count | None = None
    splits: Mapping[str, float] = field(default_factory=_default_splits)
    keep_splits: tuple[str, ...] = ()
    near_duplicates: Literal["leave", "keep"] = "leave"
    seed: int = 0
    resize: Resize = "upscale"
    crop: Crop = "none"
    invert: bool = False
    drawn: bool = False
    allow_no_image: bool = False
    allow_licence_clash: bool = False
    licence: str | None = None
    licences: Mapping[str, str] = field(default_factory=dict, metadata=NO_KEY)
    prompt: str = PROMPT
    name: str | None = None

    def __post_init__(self) -> None:
        check(self)
        _check_texts(self)
        _check_splits(self.splits)
        _ = self.keeping
        _check_languages(self.languages)
        _ = self.form  # which may have no room for drawings

    @property
    def form(self) -> ExportFormat:
        """The format that `format` names, with a column for drawn labels if requested."""
        form = FORMATS[self.format]
        return form.with_drawings() if self.drawn else form

    @property
    def keeping(self) -> dict[str | None, Keep]:
        """Which of its own splits each source named in `keep_splits` keeps; None stands for all others."""
        found: dict[str | None, Keep] = {}
        for text in self.keep_splits:
            name, equals, what = text.rpartition("=")
            keep = next((keep for keep in KEEPS if keep == what), None)
            if keep is None or (equals and not name):
                raise UserError(f"keep_splits {text!r} is not [NAME=]{'|'.join(KEEPS)}, as in crohme=none")
            source = name or None
            if source in found:
                raise UserError(f"keep_splits says twice what {source or 'all sources'} should keep")
            found[source] = keep
        return found

    def as_config(self) -> dict[str, Any]:
        """Everything that affects what the data set holds, for its manifest."""
        config = {key: _plain(value) for key, value in asdict(self).items() if key != "allow_licence_clash"}
        config["splits"] = {name: share / _total(self.splits) for name, share in self.splits.items()}
        return config


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _total(splits: Mapping[str, float]) -> float:
    return math.fsum(splits.values())


def _check_texts(options: ExportOptions) -> None:
    for name in ("prompt", "name", "licence"):
        text = getattr(options, name)
        if text is not None and half_a_pair(text) is not None:
            raise UserError(f"{name} = {text!r} isn't text in UTF-8")
    if options.name is not None and len(options.name.splitlines()) != 1:
        raise UserError(f"name = {options.name!r} must be one line")
    if options.licence is not None and not options.licence.isprintable():
        raise UserError(f"licence = {options.licence!r} isn't the name of a licence")
    if "<image>" in options.prompt:
        raise UserError("the prompt holds <image>, which formats add themselves; leave it out")


def _check_splits(splits: Mapping[str, float]) -> None:
    if not splits:
        raise UserError("no split is named; give shares as in train=.9,test=.1")
    seen: dict[str, str] = {}
    for name, share in splits.items():
        why = _TAKEN.get(name.lower(), "")
        if not _SPLIT_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            why = f"only letters, digits, _ and . are allowed, at most {_LONGEST_NAME} of them"
        if why:
            raise UserError(f"{name!r} can't be the name of a split: {why}")
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise UserError(f"splits {name!r} and {other!r} differ only in case, which some disks ignore")
        if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share) or share < 0:
            raise UserError(f"the share of split {name!r} must be a number, 0 or more, not {share!r}")
    if not 0.999 <= _total(splits) <= 1.001:
        raise UserError(f"the shares of the splits add up to {_total(splits):g}, not to 1")


def _check_languages(languages: tuple[str, ...] | None) -> None:
    from curate.export.decide.languages import LANGUAGES

    for language in languages or ():
        if language not in (*LANGUAGES, "none"):
            raise UserError(f"unknown language {language!r}; known are: none, {', '.join(LANGUAGES)}")


def parse_splits(text: str) -> dict[str, float]:
    """`train=.9,test=.1` as a mapping. Raises UserError for anything else."""
    splits: dict[str, float] = {}
    for part in text.split(","):
        name, equals, share = (piece.strip() for piece in part.partition("="))
        try:
            number = float(share)
        except ValueError:
            number = math.nan
        if not equals or math.isnan(number):
            raise UserError(
                f"--splits {text}: {part.strip()!r} is not NAME=SHARE; as in train=.9,validation=.05,test=.05"
            )
        if name in splits:
            raise UserError(f"--splits {text}: {name!r} is named twice")
        splits[name] = number
    return splits


def make_options(
    settings: Mapping[str, Any],
    flags: Mapping[str, Any],
    licences: Mapping[str, str] | None = None,
    *,
    where: str = "",
    section: str = "export",
) -> ExportOptions:
    """Options from a project file's table [export] and the given flags, which win (None: not given).

    licences: of sources, from the table [licences]. where and section: what the file and its table are called.

    Raises UserError for an unknown key, a value of the wrong type or an impossible value.
    """
    options = fill(
        ExportOptions(licences=dict(licences or {})), _split_up(settings), where, section=section, naming=in_table
    )
    given = {key: value for key, value in flags.items() if value is not None}
    return fill(options, _split_up(given), naming=as_flag)


def _split_up(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let splits be a single text, as on the command line, and keep_splits too."""
    splits, keeps = settings.get("splits"), settings.get("keep_splits")
    given = {**settings, "splits": parse_splits(splits)} if isinstance(splits, str) else settings
    return {**given, "keep_splits": (keeps,)} if isinstance(keeps, str) else given
