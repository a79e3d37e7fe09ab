"""Says which source is good enough to train on, and why not the others. Decides from numbers; looks at no label.

Four verdicts, best first. `ready`: train on it, leaving out the few samples named. `fix first`: mostly good, and the
named fixes and drops make it ready. `doubtful`: so much is wrong that what the rules can't see is probably wrong too; a
person must look. `unfit`: not as it is. A verdict is about the source as it was read: a fixed copy gets its own.

Three kinds of damage weigh differently. What a safe fix repairs costs one command and never makes a source worse than
`fix first`. What an unsafe fix repairs (layout tokens above all) is only as good as the guess behind it. What nothing
repairs is dropped, and that is cheap; but the step that broke those labels has broken others in ways that no rule sees.
An error of the whole set (shifted pairs, labels that are no formulas) makes it unfit, however many samples look right.
The limits are in `curate.audit.thresholds`. The mean score plays no part: it is made of the same findings, and would
count them twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things
from rules.registry import all_rules, mended_by, tagged
from rules.vocabulary import MENDERS

VERDICTS = ("ready", "fix first", "doubtful", "unfit")
READY, FIX, DOUBTFUL, UNFIT = range(4)


@dataclass(frozen=True)
class _Reason:
    level: int
    weight: float
    text: str


def judge(entry: Mapping[str, Any], thresholds: Thresholds | None = None) -> tuple[str, list[str]]:
    """The verdict on a source and its reasons as sentences, the heaviest first; at least one.

    Args:
        entry: the source's entry in summary.json (`verdict` and `reasons` aren't looked at).
        thresholds: limits other than the documented ones.
    """
    limits = thresholds or Thresholds()
    if not entry["samples"]:
        return VERDICTS[UNFIT], [_nothing_read(entry)]
    reasons = [
        reason
        for check in (_broken, _layout, _unsafe, _safe, _unreadable, _missing, _warnings, _unkeyed, _duplicates)
        if (reason := check(entry, limits)) is not None
    ]
    reasons += map(_of_the_set, entry["set_errors"])
    level = max((reason.level for reason in reasons), default=READY)
    reasons.sort(key=lambda reason: (-reason.level, -reason.weight))
    sentences = [reason.text for reason in reasons]
    if not entry["samples_with_error"]:
        sentences.insert(0 if level == READY else len(sentences), _no_errors(entry))
    return VERDICTS[level], sentences + _notes(entry, limits)


def _level(part: float, *limits: float | None) -> int:
    """The worst level whose limit `part` is above; a None limit is never reached."""
    return max((i + 1 for i, limit in enumerate(limits) if limit is not None and part > limit), default=READY)


def _named(entry: Mapping[str, Any], severity: str, counted: str = "samples", *, layout: bool = False) -> str:
    """The most frequent rules of a severity, for a sentence: `SYN001 unbalanced-brace (12), …`. Not those about images
    that aren't there and shifted pairs, which have sentences of their own. counted: what of a rule is counted."""
    found = [
        rule
        for rule in entry["rules"]
        if rule["severity"] == severity
        and rule[counted]
        and (rule["rule"] in tagged("layout")) <= layout
        and rule["rule"] not in (*tagged("unusable-image"), *mended_by("realign"))
    ]
    found.sort(key=lambda rule: -int(rule[counted]))
    text = ", ".join(f"{rule['rule']} {rule['name']} ({count(rule[counted])})" for rule in found[:3])
    return text + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _samples(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)} samples ({share(part, whole)})"


def _have(part: int, one: str = "has", many: str = "have") -> str:
    return one if part == 1 else many


def _nothing_read(entry: Mapping[str, Any]) -> str:
    if not entry["rows"]:
        return "There is nothing in it: no row was found."
    return (
        f"None of its {count(entry['rows'])} rows could be read{_top_reason(entry)}: "
        f"check that it really is {entry['format']}, or name another format."
    )


def _no_errors(entry: Mapping[str, Any]) -> str:
    warned = entry["samples_with_warning"]
    rest = f"; {_samples(warned, entry['samples'])} {_have(warned)} a warning" if warned else ""
    return f"No error in {things(entry['samples'], 'sample')}{rest}."


def _of_the_set(found: Mapping[str, str]) -> _Reason:
    """An error of the whole set: no sample of it can be trusted, however many are good."""
    mender = MENDERS.get(all_rules()[found["rule"]].mended_by or "")
    way_out = f"; `{mender}` may mend it: look at the difference, and audit the fixed copy" if mender else ""
    return _Reason(UNFIT, 1.0, f"{found['rule']} {found['name']}: {found['message']}{way_out}.")


def _broken(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["errors_without_fix"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.broken_fix, limits.broken_doubtful, limits.broken_unfit)
    text = f"{_samples(part, whole)} {_have(part, 'is', 'are')} wrong and can't be repaired"
    named = _named(entry, "error", "without_fix")
    text += f" (most often {named})" if named else ""
    if level >= DOUBTFUL:
        text += (
            ": whatever broke them has probably broken others that no rule can see; go back to the raw labels, or "
            "compare a sample of the rest with its images before you trust it."
        )
    else:
        text += ": leave them out when you train."
    return _Reason(level, part / whole, text)


def _layout(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["layout_tokens"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    codes = [rule["rule"] for rule in entry["rules"] if rule["rule"] in tagged("layout")]
    menders = dict.fromkeys(MENDERS[mender] for code in tagged("layout") if (mender := all_rules()[code].mended_by))
    text = (
        f"{share(part, whole)} of labels ({count(part)}) hold layout tokens ({', '.join(codes)}): they are not LaTeX, "
        "nothing can render them, and deleting them would glue lines together; run "
        + " or ".join(f"`{mender}`" for mender in menders)
    )
    text += ", look at the difference, and audit the fixed copy." if level >= DOUBTFUL else "."
    return _Reason(level, part / whole, text)


def _unsafe(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["errors_with_unsafe_fix"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    text = (
        f"{_samples(part, whole)} {_have(part)} errors that only an unsafe fix repairs, on a guess: look at "
        "`curate fix --unsafe-fixes --diff` before you take it."
    )
    return _Reason(level, part / whole, text)


def _safe(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["errors_with_safe_fix"], entry["samples"]
    if not part:
        return None
    text = f"{_samples(part, whole)} {_have(part)} errors that a safe fix repairs: run `curate fix`."
    return _Reason(_level(part / whole, limits.fixable_fix), part / whole, text)


def _top_reason(entry: Mapping[str, Any]) -> str:
    reasons = entry["unreadable_by_reason"]
    if not reasons:
        return ""
    top = max(reasons, key=lambda reason: (reasons[reason], reason))
    return f" (most often: {top}, {count(reasons[top])})"


def _unreadable(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["unreadable"], max(entry["rows"], entry["samples"] + entry["unreadable"])
    if not part:
        return None
    level = _level(part / whole, limits.unreadable_fix, limits.unreadable_doubtful, limits.unreadable_unfit)
    text = f"{count(part)} of {count(whole)} rows ({share(part, whole)}) could not be read{_top_reason(entry)}"
    if level >= DOUBTFUL:
        text += f": check that it really is {entry['format']} and that the file is whole."
    elif level == FIX:
        text += ": repair the file, and check that images and labels still belong together."
    else:
        text += "; they are left out."
    return _Reason(level, part / whole, text)


def _no_image_there(entry: Mapping[str, Any]) -> bool:
    """Is every image that the source names missing? Then the images lie elsewhere, and the labels are what there is.
    They may be as good as any, but nobody can train on them.

    Missing images are told one by one, or those of broken files, only where some are there.
    """
    one_by_one = any(rule["rule"] in tagged("unusable-image") and rule["samples"] for rule in entry["rules"])
    return bool(0 < entry["with_image"] == entry["missing_image"]) and not one_by_one


def _missing(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    whole = entry["samples"]
    if not entry["with_image"]:
        return None
    if _no_image_there(entry):
        text = (
            f"None of its {things(entry['with_image'], 'image')} was found, so this is a verdict on the labels alone: "
            "get the images, and audit it with `--images DIR`, which says where they lie."
        )
        return _Reason(FIX, 1.0, text)
    part = entry["missing_image"] + whole - entry["with_image"]
    if not part:
        return None
    level = _level(part / whole, limits.missing_fix, limits.missing_doubtful, limits.missing_unfit)
    if entry["missing_image"] == entry["with_image"]:
        text = f"None of its {things(entry['with_image'], 'image')} can be opened: is `--images` the right folder?"
        return _Reason(max(level, DOUBTFUL), 1.0, text)
    text = f"{count(part)} of {count(whole)} samples ({share(part, whole)}) {_have(part)} no image that can be opened"
    text += ": is `--images` the right folder?" if level >= DOUBTFUL else ": they can't be trained on and are left out."
    return _Reason(level, part / whole, text)


def _warnings(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["warnings_without_safe_fix"], entry["samples"]
    level = _level(part / whole, limits.warning_fix, limits.warning_doubtful)
    if level == READY:
        return None
    text = (
        f"{_samples(part, whole)} {_have(part, 'is', 'are')} likely wrong ({_named(entry, 'warning', layout=True)}): "
        "look at the examples, then fix or drop the rules that turn out to be right."
    )
    return _Reason(level, part / whole, text)


def _unkeyed(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["no_visual_key_without_error"], entry["samples"]
    if part / whole <= limits.unkeyed_note:
        return None
    level = _level(part / whole, None, limits.unkeyed_doubtful)
    text = (
        f"{_samples(part, whole)} {_have(part)} no error but no visual key: texsieve can't tell what "
        f"{_have(part, 'it looks', 'they look')} like, so it finds no duplicates and leaks among them."
    )
    return _Reason(level, part / whole, text)


def _duplicates(entry: Mapping[str, Any], limits: Thresholds) -> _Reason | None:
    part, whole = entry["duplicate_labels"], entry["samples"]
    if part / whole <= limits.duplicate_note:
        return None
    level = _level(part / whole, limits.duplicate_fix)
    text = f"{share(part, whole)} of labels ({count(part)}) look the same as an earlier one: "
    if level == READY:
        text += "fine to train on, but split by label and not at random, or the test set will hold answers it has seen."
    else:
        text += "cap how often one label may occur, or the model learns the favourites by heart."
    return _Reason(level, part / whole, text)


def _notes(entry: Mapping[str, Any], limits: Thresholds) -> list[str]:
    """Remarks that don't touch the verdict."""
    notes = []
    for split, part in entry.get("split_overlap", {}).items():
        whole = entry["splits"][split]
        if part / whole > limits.overlap_note:
            notes.append(
                f"{share(part, whole)} of split {split} ({count(part)}) have a label of 10 tokens or more that the "
                "training split holds too: scores on it will be too good."
            )
    shared = [
        (part, other)
        for other, part in entry.get("shared_labels", {}).items()
        if part / entry["samples"] > limits.overlap_note
    ]
    if shared:
        shared.sort(key=lambda pair: (-pair[0], pair[1]))
        named = ", ".join(f"{other} ({share(part, entry['samples'])})" for part, other in shared[:4])
        more = f" and {len(shared) - 4} more" if len(shared) > 4 else ""
        notes.append(
            f"Shares labels of 10 tokens or more with {named}{more}: don't train on the one and test on the other."
        )
    if not entry["with_image"]:
        notes.append("No images were given: this is a verdict on the labels alone.")
    if entry.get("drawn_from", entry["samples"]) < limits.small:
        notes.append(f"With {things(entry['samples'], 'sample')} it is too small to fine-tune on alone.")
    if entry["max_tokens"] is not None and entry["max_tokens"] > limits.long_tokens:
        notes.append(
            f"The longest label has {count(entry['max_tokens'])} tokens: raise the sequence length or drop such labels."
        )
    return notes
