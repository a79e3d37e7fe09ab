"""The catalogue of rules: how they are declared and found. `selection` decides which run, and `engine` runs them.

A rule has a **sieve**, a polars expression over all labels that may pass too many but must never miss one, and a
**judge**, a Python function for the labels that pass. To add a rule, write the function with its docstring in the file
of its family under `rules/families/`; the command line, the docs and the tests find it there. Other packages bring
rules by entry points: see `others`.

The declaration contains everything that other modules need to know about a rule. Code that needs "the rules that …"
asks for a tag (`tagged`), never for a list of codes. `rules.vocabulary` has the values that declarations choose from:
tags, menders, columns of samples, and the retired codes.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

import rules.families
from rules import others
from rules.findings import Finding, FixKind, FixLevel, Severity
from rules.options import Option
from rules.rule_docs import RuleDoc, parse_doc
from rules.vocabulary import MENDERS, RETIRED, SAMPLE_COLUMNS, TAGS, Retired

if TYPE_CHECKING:
    from rules.fixes.edits import Edit
    from rules.toolkit.label import Label

#: The values of a rule's options by name, in the type of the default.
Options = Mapping[str, Any]
Judge = Callable[["Label", Options], Iterable[Finding]]
#: The findings of a rule over samples: sample_id (null for a data set), source and message.
Findings = pl.DataFrame | pl.LazyFrame
#: A rule over samples. Its frame is lazy, since it may not fit into memory: the rule selects what it reads, then
#: collects.
FrameJudge = Callable[[pl.LazyFrame, Options], Findings]
#: Checks, in a label without a visual key, that the safe edits of one rule change nothing but what the rule claims.
Proof = Callable[[str, Sequence["Edit"]], bool]
#: Rows of the list of defects, perhaps each with what the page says about the rule there.
Covers = Iterable[str] | Mapping[str, str]

#: What the letters of a code stand for.
FAMILIES: dict[str, str] = {
    "ESC": "escapes and layout tokens",
    "WSP": "white space",
    "DLM": "delimiters and wrappers",
    "SYN": "syntax",
    "CMD": "commands",
    "ENV": "environments",
    "CAN": "canonical form and visual key",
    "NRM": "damage done by normalisers",
    "SEM": "meaning",
    "UNI": "Unicode characters",
    "LEN": "size and rarity",
    "DUP": "duplicates and leaks",
    "PAR": "image and label as a pair",
    "IMG": "images",
    "DST": "data sets as a whole",
}

#: The option of rules that report only the first of several similar places. True reports every place, as fixing needs.
EVERY = "every"
#: For `severity_in`: a pupil's mistake is right in the label, so in M²E's homework such a finding is only a remark.
PUPILS_SLIP: Mapping[str, Severity] = {"m2e": "info"}

#: From surest to least sure.
FIX_LEVELS: tuple[FixLevel, ...] = ("safe", "unsafe", "display")

_CODE = re.compile(r"([A-Z]{3})(\d{3})")


class SelectionError(ValueError):
    """An unknown code, name, family, profile or option. The message suggests one that exists."""


@dataclass(frozen=True)
class Rule:
    """One rule as declared."""

    code: str
    name: str
    severity: Severity
    scope: Literal["label", "samples"]
    judge: Any
    sieve: pl.Expr | None = None
    fix: FixLevel | None = None
    #: What the fix is for; None if there is none.
    fix_kind: FixKind | None = None
    #: The profiles that include the rule; empty: all of them.
    profiles: frozenset[str] = frozenset()
    declared: Mapping[str, Option] = field(default_factory=dict)
    doc: RuleDoc = field(default_factory=lambda: RuleDoc(("",)))
    module: str = ""
    #: The package that brings the rule, with its version; empty for texsieve's own.
    package: str = ""
    #: Profiles in which the rule's findings have another severity.
    severity_in: Mapping[str, Severity] = field(default_factory=dict)
    #: True if the rule never fires on a label that `rules.latex.glance` recognises as canonical.
    skips_canonical: bool = False
    #: What a finding of severity info takes off the score of a label, in [0, 1]; None: the default of the severity.
    weight: float | None = None
    #: From `rules.vocabulary.TAGS`: what other modules need to know about the rule.
    tags: frozenset[str] = frozenset()
    #: What mends its findings besides its own fix: a key of `rules.vocabulary.MENDERS`.
    mended_by: str | None = None
    #: The rows of the list of defects (docs/templates/defects.toml) that it finds, and what the page says about the
    #: rule there.
    covers: Mapping[str, str] = field(default_factory=dict)
    #: Proves safe fixes in a label without a visual key; None: they aren't made there.
    proof: Proof | None = None
    #: What a rule over samples needs beyond the labels and the headers of images: "pixels", "pairs" (with "pixels"),
    #: "orphans".
    needs: frozenset[str] = frozenset()
    #: The columns that a rule over samples can't do without, in the order of the declaration.
    columns: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        return self.code[:-3]

    @property
    def options(self) -> dict[str, Any]:
        """The defaults of the options by name."""
        return {name: option.default for name, option in self.declared.items()}


_RULES: dict[str, Rule] = {}


def _register(rule: Rule) -> None:
    match = _CODE.fullmatch(rule.code)
    is_ours = match is not None and match[1] in FAMILIES
    if not is_ours and not others.CODE.fullmatch(rule.code):
        raise ValueError(
            f"{rule.code}: a code is a family's three letters and three digits, or, in another package, four to eight "
            "letters and three digits"
        )
    if is_ours:
        others.check_ours(rule)
    else:
        others.check(rule)
    declared = _RULES if is_ours else others.declared
    taken = next((r for r in declared.values() if rule.name == r.name), declared.get(rule.code))
    if taken is not None:
        raise ValueError(f"{rule.code} {rule.name}: {taken.code} {taken.name} already has that code or name")
    gone = _retired(rule.code) or _retired(rule.name)
    if gone is not None:
        raise ValueError(
            f"{rule.code} {rule.name}: {gone.code} {gone.name} is retired, and its code and name can't be used again"
        )
    if rule.weight is not None and not 0 <= rule.weight <= 1:
        raise ValueError(f"{rule.code}: weight {rule.weight} is not between 0 and 1")
    if (rule.fix is None) != (rule.fix_kind is None):
        raise ValueError(f"{rule.code}: `fix` and `fix_kind` must be given together")
    if rule.proof is not None and rule.fix is None:
        raise ValueError(f"{rule.code}: a proof without a fix")
    for kind, names, known in (
        ("tag", rule.tags, TAGS),
        ("mender", {rule.mended_by} - {None}, MENDERS),
        ("column of samples", rule.columns, SAMPLE_COLUMNS),
    ):
        for name in names:
            if name not in known:
                raise ValueError(f"{rule.code}: unknown {kind} {name!r}; choose from {', '.join(known)}")
    declared[rule.code] = rule


def _retired(name: str) -> Retired | None:
    return next((gone for gone in RETIRED if name in (gone.code, gone.name) or name.upper() == gone.code), None)


def _covered(covers: Covers) -> dict[str, str]:
    return dict(covers) if isinstance(covers, Mapping) else dict.fromkeys(covers, "")


def rule(
    code: str,
    name: str,
    severity: Severity,
    sieve: pl.Expr,
    *,
    fix: FixLevel | None = None,
    fix_kind: FixKind | None = None,
    profiles: Iterable[str] = (),
    options: Mapping[str, Option] | None = None,
    severity_in: Mapping[str, Severity] | None = None,
    skips_canonical: bool = False,
    weight: float | None = None,
    tags: Iterable[str] = (),
    mended_by: str | None = None,
    covers: Covers = (),
    proof: Proof | None = None,
) -> Callable[[Judge], Judge]:
    """Declare a rule over labels. The decorated function yields the findings for one label that passed the sieve.

    The sieve sees the columns `label` (String), `tokens` (UInt32, how many), `problems` (String, the kinds of
    `rules.latex.reader.Problem` in the label with a space on each side), `marks` (see
    `rules.toolkit.sieves.has_command`), `canonical` and `visual_key`.

    fix_kind: "repair" or "style", see `rules.findings.FixKind`; required with `fix`.

    skips_canonical: the rule can't fire on a label in canonical spelling that contains only symbols, scripts, groups of
    arguments, `\\left…\\right` and spaces. Most labels of most data sets are like that, and the rule skips them.

    weight: what a finding of severity info takes off the score, from 0 to 1, if not the default.

    tags: from `rules.vocabulary.TAGS`. mended_by: from `rules.vocabulary.MENDERS`.

    covers: rows of docs/templates/defects.toml that the rule finds; as a mapping, with what the page says about the
    rule there.

    proof: proves safe fixes in labels without a visual key, whose keys can't be compared.

    Raises ValueError for a code or name that is or was in use, and for an unknown tag, mender or family.
    """

    def declare(judge: Judge) -> Judge:
        _register(
            Rule(
                code,
                name,
                severity,
                "label",
                judge,
                sieve,
                fix,
                fix_kind,
                frozenset(profiles),
                dict(options or {}),
                parse_doc(inspect.getdoc(judge) or ""),
                judge.__module__,
                severity_in=dict(severity_in or {}),
                skips_canonical=skips_canonical,
                weight=weight,
                tags=frozenset(tags),
                mended_by=mended_by,
                covers=_covered(covers),
                proof=proof,
            )
        )
        return judge

    return declare


def samples_rule(
    code: str,
    name: str,
    severity: Severity,
    *,
    columns: Iterable[str] = (),
    needs: Iterable[str] = (),
    profiles: Iterable[str] = (),
    options: Mapping[str, Option] | None = None,
    weight: float | None = None,
    tags: Iterable[str] = (),
    mended_by: str | None = None,
    covers: Covers = (),
) -> Callable[[FrameJudge], FrameJudge]:
    """Declare a rule over the samples frame: images, pairs, whole data sets.

    The function gets the lazy frame, and returns a frame of sample_id, source and message; a null sample_id stands for
    the whole source. Every frame has the columns sample_id, source, label, n_tokens, canonical and visual_key.

    columns: those of `rules.vocabulary.SAMPLE_COLUMNS` that the rule can't do without. If one is missing, the rule is
    left out, and the caller is told.

    needs: `"pixels"` if the rule reads columns that are measured from decoded images, also `"pairs"` if it reads
    columns that are computed from them and the labels, `"orphans"` for image files without a row. An audit looks these
    up.

    The rest is as in `rule`.
    """

    def declare(judge: FrameJudge) -> FrameJudge:
        def collected(samples: pl.DataFrame | pl.LazyFrame, options: Options) -> pl.DataFrame:
            return judge(samples.lazy(), options).lazy().collect(engine="streaming")

        _register(
            Rule(
                code,
                name,
                severity,
                "samples",
                collected,
                profiles=frozenset(profiles),
                declared=dict(options or {}),
                doc=parse_doc(inspect.getdoc(judge) or ""),
                module=judge.__module__,
                weight=weight,
                tags=frozenset(tags),
                mended_by=mended_by,
                covers=_covered(covers),
                needs=frozenset(needs),
                columns=tuple(columns),
            )
        )
        return judge

    return declare


@cache
def all_rules() -> Mapping[str, Rule]:
    """Every rule by code, in the order of the codes. Importing the families is what fills it, and other packages."""
    for module in pkgutil.walk_packages(rules.families.__path__, "rules.families."):
        importlib.import_module(module.name)
    ours = dict(_RULES)
    brought = others.accepted(ours)
    return dict(sorted({**ours, **brought}.items()))


def families() -> Mapping[str, str]:
    """What the prefixes of codes stand for, including those of other packages."""
    all_rules()
    return {**FAMILIES, **others.titles}


def packages_with_rules() -> dict[str, str]:
    """The versions of the other packages that rules come from."""
    packages = dict.fromkeys(rule.package for rule in all_rules().values() if rule.package)
    return {name: version for name, _, version in (package.rpartition(" ") for package in packages)}


@cache
def tagged(*tags: str) -> tuple[str, ...]:
    """The codes of the rules that have all these tags, in order. Raises ValueError for an unknown tag."""
    for tag in tags:
        if tag not in TAGS:
            raise ValueError(f"unknown tag {tag!r}; choose from {', '.join(TAGS)}")
    return tuple(code for code, rule in all_rules().items() if rule.tags.issuperset(tags))


def not_judged() -> Rule:
    """The rule that reports labels and sets on which other rules failed, whichever rules are selected."""
    (code,) = tagged("not-judged")
    return all_rules()[code]


def lost() -> Rule:
    """The rule that reports labels that ended the process that read them, whichever rules are selected."""
    (code,) = tagged("lost")
    return all_rules()[code]


@cache
def fixing_as(kind: FixKind) -> tuple[str, ...]:
    """The codes of the rules whose fix is of this kind, in order."""
    return tuple(code for code, rule in all_rules().items() if rule.fix_kind == kind)


def mended_by(*menders: str) -> tuple[str, ...]:
    """The codes of the rules whose findings one of these menders (`rules.vocabulary.MENDERS`) mends."""
    return tuple(code for code, rule in all_rules().items() if rule.mended_by in menders)


def find(name: str) -> Rule:
    """The rule with this code or name. Raises SelectionError if there is none.

    The error suggests the nearest name. For a retired rule, it says why the rule is gone and what to use instead.
    """
    catalogue = all_rules()
    for candidate in catalogue.values():
        if name in (candidate.code, candidate.name) or name.upper() == candidate.code:
            return candidate
    gone = _retired(name)
    if gone is not None:
        raise SelectionError(
            f"{gone.code} {gone.name} has been retired since {gone.since}: {gone.why}; use {gone.instead}"
        )
    raise SelectionError(f"no rule is called {name!r}{_nearest(name)}")


def _nearest(name: str) -> str:
    known = [*all_rules(), *(rule.name for rule in all_rules().values()), *families()]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or difflib.get_close_matches(
        name.upper(), known, n=1, cutoff=0.5
    )
    return f"; did you mean {close[0]!r}?" if close else "; `curate rules` lists them"


def expand(names: Iterable[str]) -> Iterator[str]:
    """The codes for codes, names and family letters. Raises SelectionError for an unknown one."""
    catalogue = all_rules()
    for name in names:
        if name.isalpha() and name.upper() in families():
            yield from (code for code, rule in catalogue.items() if rule.family == name.upper())
        elif name.upper() == "ALL":
            yield from catalogue
        else:
            yield find(name).code
