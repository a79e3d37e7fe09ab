"""Selects the rules of a run, with their options and severities. Rules are declared with `registry`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rules.findings import SEVERITIES, FixLevel, Severity
from rules.registry import FIX_LEVELS, Options, Rule, SelectionError, all_rules, expand, find
from rules.sets.model_images import LIMIT_NAMES, ImageLimits

PROFILES: dict[str, str] = {
    "default": "any set of formula labels, judged as display math",
    "handwritten": "handwriting, where spacing and sizes are invisible and therefore noise",
    "printed": "typeset formulas, where fonts, spacing and sizes are visible",
    "canonical": "for fixing: also writes every label in the canonical form (CAN110)",
    "m2e": "M²E and similar sets, where layout tokens stand for lines and `tabular` is right",
}


@dataclass(frozen=True)
class Ruleset:
    """The rules of one run with their options and severities. Small, and picklable for worker processes."""

    codes: tuple[str, ...]
    profile: str = "default"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    #: By code: the level of a rule's fixes, instead of the rule's own.
    fixes: Mapping[str, FixLevel] = field(default_factory=dict)

    def rules(self, scope: str) -> list[Rule]:
        catalogue = all_rules()
        return [catalogue[code] for code in self.codes if catalogue[code].scope == scope]

    def severity(self, rule: Rule) -> Severity:
        return self.severities.get(rule.code, rule.severity_in.get(self.profile, rule.severity))

    def fix_level(self, rule: Rule, level: FixLevel | None) -> FixLevel | None:
        """The level of a fix whose finding has `level`, adjusted by `fixes`.

        If the rule declares a fix less sure than its others (a display fix among safe ones), that fix is not promoted.
        """
        wanted = self.fixes.get(rule.code)
        if wanted is None or level is None or rule.fix is None or level == rule.fix:
            return wanted if wanted is not None and level is not None else level
        return max(level, wanted, key=FIX_LEVELS.index)

    def option_values(self, rule: Rule) -> Options:
        return {**rule.options, **self.options.get(rule.code, {})}

    def for_model(self, limits: ImageLimits) -> Ruleset:
        """These rules with the limits of a family of models.

        An option with the name of a limit gets the value of that limit, unless the project file sets it. A rule is left
        out if the family doesn't have the limit for one of its options.
        """
        catalogue, codes = all_rules(), []
        options = {code: dict(values) for code, values in self.options.items()}
        for code in self.codes:
            asked = {name: getattr(limits, name) for name in catalogue[code].options if name in LIMIT_NAMES}
            if None in asked.values():
                continue
            codes.append(code)
            if asked:
                options[code] = {**asked, **options.get(code, {})}
        return replace(self, codes=tuple(codes), options=options)


def select(
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    *,
    profile: str = "default",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    severities: Mapping[str, str] | None = None,
    fixes: Mapping[str, str] | None = None,
) -> Ruleset:
    """The rules of a run: those of the profile, or those in `include`, without those in `ignore`.

    Codes, names and family letters all work. `options`, `severities` and `fixes` are by code or name. `fixes` promotes
    or demotes the fixes of a rule to safe, unsafe or display; a promoted fix is also proven before it is made. Raises
    SelectionError for anything unknown or invalid.
    """
    if profile not in PROFILES:
        raise SelectionError(f"unknown profile {profile!r}; choose from {', '.join(PROFILES)}")
    catalogue = all_rules()
    wanted = list(expand(include))
    codes = wanted or [code for code, rule in catalogue.items() if not rule.profiles or profile in rule.profiles]
    without = set(expand(ignore))
    checked: dict[str, dict[str, Any]] = {}
    for name, values in (options or {}).items():
        declared = find(name)
        checked[declared.code] = {key: _option(declared, key, value) for key, value in values.items()}
    levels: dict[str, Severity] = {}
    for name, level in (severities or {}).items():
        if level not in SEVERITIES:
            raise SelectionError(f"severity of {name}: {level!r} must be one of {', '.join(SEVERITIES)}")
        levels[find(name).code] = next(severity for severity in SEVERITIES if severity == level)
    fix_levels: dict[str, FixLevel] = {}
    for name, level in (fixes or {}).items():
        if level not in FIX_LEVELS:
            raise SelectionError(f"fix level of {name}: {level!r} must be one of {', '.join(FIX_LEVELS)}")
        fix_levels[find(name).code] = next(known for known in FIX_LEVELS if known == level)
    return Ruleset(tuple(sorted(set(codes) - without)), profile, checked, levels, fix_levels)


def _option(rule: Rule, key: str, value: Any) -> Any:
    if key not in rule.declared:
        close = difflib.get_close_matches(key, rule.declared, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"its options: {', '.join(rule.declared) or 'none'}"
        raise SelectionError(f"{rule.code} {rule.name} has no option {key!r}; {hint}")
    try:
        return rule.declared[key].check(value)
    except ValueError as error:
        raise SelectionError(f"option {key} of {rule.code} {error}") from error
