"""What to know about the splits, duplicates and size of a source."""

from __future__ import annotations

from pathlib import PurePath

from curate.audit.advice.point import READY, Entry, Point
from curate.audit.advice.words import codes_of, counts_of, worst_level
from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things
from rules.registry import tagged
from rules.sets.split_names import standard


def held_out(entry: Entry, limits: Thresholds) -> Point | None:
    names = entry["splits"]
    if not names or sum(names.values()) < entry["samples"]:  # a sample without a split has its file's
        names = {**names, PurePath(entry["path"]).name: 0}
    kinds = {standard(name) or standard(entry["name"]) for name in names}
    if not kinds <= {"test", "validation"}:
        return None
    named = ", ".join(names)
    if kinds == {"validation"}:
        kind, use = "a validation set", "validation"
        why = "a model that was trained on it can't be validated with it"
    else:
        kind, use = ("a test set", "tests") if kinds == {"test"} else ("for tests and validation", "that")
        why = "results of a model trained on it can't be compared with others"
    what = f"By its name, all of it is {kind} ({named})"
    return Point("held-out", READY, 1, entry["samples"], what, why, f"keep it for {use}")


def duplicates(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["duplicate_labels"], entry["samples"]
    if part / whole <= limits.duplicate_note:
        return None
    level = worst_level(part / whole, limits.duplicate_fix)
    what = f"{share(part, whole)} of labels ({count(part)}) look the same as an earlier one"
    if level == READY:
        why = "this is fine for training, but a random split puts answers into the test set"
        do = "split by label, as `curate export` does"
    else:
        why = "the model memorises the most frequent formulas"
        do = "limit how often one may occur: export with `--max-repeats 10`"
    flags = () if level == READY else ("--max-repeats", "10")
    rules = codes_of(counts_of(entry, tagged("repeats")))
    return Point("duplicates", level, part / whole / 20, part, what, why, do, rules, flags)


def leaks(entry: Entry, limits: Thresholds) -> Point | None:
    worst = [
        (part / entry["splits"][split], part, split)
        for split, part in entry.get("split_overlap", {}).items()
        if part / entry["splits"][split] > limits.overlap_note
    ]
    if not worst:
        return None
    named = ", ".join(f"{share(part, entry['splits'][split])} of {split} ({count(part)})" for _, part, split in worst)
    what = f"Labels of 10 tokens or more in its test splits also occur in its training split: {named}"
    do = "export with `--keep-splits test`, which removes them from training"
    part = sum(part for _, part, _ in worst)
    weight = max(worst)[0] / 5  # it spoils the test, not the training
    return Point("leaks", READY, weight, part, what, "scores will be too good", do, (), ("--keep-splits", "test"))


def shared(entry: Entry, limits: Thresholds) -> Point | None:
    whole = entry["samples"]
    shared = sorted(
        ((part, other) for other, part in entry.get("shared_labels", {}).items() if part / whole > limits.overlap_note),
        key=lambda pair: (-pair[0], pair[1]),
    )
    if not shared:
        return None
    named = ", ".join(f"{other} ({share(part, whole)})" for part, other in shared[:4])
    more = f" and {len(shared) - 4} more" if len(shared) > 4 else ""
    what = f"Shares labels of 10 tokens or more with {named}{more}"
    return Point(
        "shared",
        READY,
        shared[0][0] / whole / 10,
        shared[0][0],
        what,
        do="don't train on one and test on the other",
    )


def few(entry: Entry, limits: Thresholds) -> Point | None:
    if entry.get("drawn_from", entry["samples"]) >= limits.small:
        return None
    what = f"With {things(entry['samples'], 'sample')} it is too small to fine-tune on alone"
    return Point("small", READY, 0.01, entry["samples"], what)


def long(entry: Entry, limits: Thresholds) -> Point | None:
    if entry["max_tokens"] is None or entry["max_tokens"] <= limits.long_tokens:
        return None
    what = f"The longest label has {count(entry['max_tokens'])} tokens"
    do = f"raise the sequence length, or export with `--max-tokens {limits.long_tokens}`"
    return Point("long-labels", READY, 0.001, 1, what, do=do, export=("--max-tokens", str(limits.long_tokens)))
