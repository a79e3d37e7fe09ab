"""Rules that other packages declare: checks them, and takes those that are valid. `plugins` finds the packages.

The name of an entry point in the group `texsieve.rules` is the prefix of its rules' codes, four to eight letters; its
value is the module that declares the rules. texsieve's own families have three letters, so codes of other packages
never clash with ours; and no two packages can have the same prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from rules import plugins
from rules.vocabulary import OUR_MENDERS, OUR_TAGS

if TYPE_CHECKING:
    from rules.registry import Rule

CODE = re.compile(r"([A-Z]{4,8})(\d{3})")
_LETTERS = re.compile(r"[A-Z]{4,8}")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

#: All rules declared so far, taken or not.
declared: dict[str, Rule] = {}
#: The prefixes of the packages whose rules were taken, and what each stands for.
titles: dict[str, str] = {}
#: Whether the module of another package is being imported for its rules.
_loading = False


def check_ours(rule: Rule) -> None:
    """Raises ValueError if another package declares a rule in one of texsieve's families."""
    if _loading:
        raise ValueError(
            f"{rule.code}: {rule.family} is a family of texsieve; choose four to eight letters of your own"
        )


def check(rule: Rule) -> None:
    """Raises ValueError if a rule of another package declares something that only texsieve's own rules may."""
    for kind, names, ours in (("tag", rule.tags, OUR_TAGS), ("mender", {rule.mended_by}, OUR_MENDERS)):
        for name in names:
            if name in ours:
                raise ValueError(f"{rule.code}: the {kind} {name!r} is for rules of texsieve itself")
    if rule.covers:
        raise ValueError(f"{rule.code}: `covers` is for rules of texsieve itself, whose list of defects it refers to")
    if not _NAME.fullmatch(rule.name):
        raise ValueError(f"{rule.code}: {rule.name!r} must be lower-case words with dashes between")


def accepted(ours: Mapping[str, Rule]) -> dict[str, Rule]:
    """The valid rules of all installed packages. `ours`: all of texsieve's rules.

    A package's rules are all taken or all left out.
    """
    taken: dict[str, Rule] = {}
    titles.clear()

    def take(plugin: plugins.Plugin) -> None:
        global _loading
        before = set(declared)
        try:
            _loading = True
            module = plugin.load()
            mine = _declared_by(plugin, module, {**ours, **taken})
        except BaseException:
            for code in declared.keys() - before:  # all or none, and none may block another package's
                del declared[code]
            raise
        finally:
            _loading = False
        taken.update(mine)
        title = (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        titles[plugin.name] = title or f"rules of {plugin.package}"

    for _ in plugins.each(plugins.RULES, take):
        pass
    return taken


def _declared_by(plugin: plugins.Plugin, module: object, taken: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules of an entry point. Raises ValueError or TypeError if they are invalid or clash with those `taken`."""
    letters = plugin.name
    if not isinstance(module, ModuleType):
        raise TypeError("the entry point must name the module that declares the rules")
    if not _LETTERS.fullmatch(letters):
        raise ValueError("the entry point's name must be the letters of its codes: four to eight capitals")
    first = next((rule for rule in taken.values() if rule.family == letters), None)
    if first is not None:
        raise ValueError(f"{first.package} has the letters {letters} already")
    mine = {code: replace(rule, package=plugin.package) for code, rule in declared.items() if rule.family == letters}
    if not mine:
        raise ValueError(f"{module.__name__} declares no rule with a code such as {letters}001")
    names = {rule.name: rule for rule in taken.values()}
    for rule in mine.values():
        if rule.name in names:
            raise ValueError(f"{rule.code} {rule.name}: {names[rule.name].code} has that name already")
    return mine
