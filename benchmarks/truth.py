"""Checks with LaTeX that safe fixes, canonical forms and equal visual keys draw the same, on labels of the shared data.

    make truth                        all labels, about 15 minutes
    make truth TRUTH_ARGS="--most 500 --show 5"
    make truth TRUTH_ARGS="--keep said.jsonl"         can be stopped, and goes on from there

Equal keys are judged in three ways: for labels of all sets that share a key, for labels and their versions from
`respellings.py`, and for commands with and without braces. Spellings that keys merge on purpose (`ON_PURPOSE`,
docs/visual-key.md) are counted separately.

LaTeX (`latex` with amsmath, amssymb, bm, cancel) draws both labels of every pair, and the drawings are compared mark by
mark. A label with several lines is set in `gathered`, because a line break has no effect in `equation*`. A character
outside ASCII is a box, always of the same width, with its own height. Labels that LaTeX rejects can't be judged, and
are counted. Exits with 1 if a pair is drawn differently and isn't merged on purpose.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import respellings
import tex_drawing

from rules import engine, fixing, select
from rules.latex import lexer, wrapper
from rules.latex.commands import COMMANDS

#: Trailing spacing and leftovers of documents draw nothing, and LaTeX rejects some of it in `equation*`.
_RESIDUE = re.compile(r"\\(?:label|tag)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])")
_KINDS = {
    "a matrix or an array": re.compile(r"\\begin\s*\{\s*(?:[pbvBV]?(?:small)?matrix|array|cases|aligned?)|matrix"),
    "dots": re.compile(r"\\[lc]?dots[a-z]?(?![A-Za-z])"),
    r"\not": re.compile(r"\\not(?![A-Za-z])|\\n[a-z]+"),
    "a font": re.compile(r"\\(?:rm|bf|it|cal|sf|tt|sl|scriptstyle|textstyle|displaystyle|math[a-z]+)(?![A-Za-z])"),
}


#: Spellings that keys merge although LaTeX draws them differently, and their replacements: a slash that is slightly out
#: of place; a new line outside environments, where LaTeX sets none; and `\\relax`, which no known label contains.
ON_PURPOSE = (
    (re.compile(r"\\not *\\in(?![A-Za-z])"), r"\\notin "),
    (re.compile(r"\\(?:newline|tabularnewline)(?![A-Za-z])"), r"\\\\"),
    (re.compile(r"\\relax(?![A-Za-z])"), ""),
)
#: How many pairs are judged, and saved, at a time.
_AT_A_TIME = 2000


@dataclass
class Judged:
    """LaTeX's verdict on pairs of labels. differing: (kind, one label, the other); merged: differ, but on purpose."""

    same: int = 0
    unjudged: int = 0
    merged: int = 0
    differing: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def of(self) -> int:
        return self.same + self.unjudged + self.merged + len(self.differing)


def for_latex(label: str) -> str:
    """The label as it is set in `equation*`."""
    toks = lexer.tokens(label)
    outer = wrapper.unwrap(toks)
    if outer is not None:
        spans = lexer.spans(label, toks)[outer.start : outer.end]
        label, toks = (label[spans[0][0] : spans[-1][1]] if spans else ""), toks[outer.start : outer.end]
    if _breaks(toks):
        label = f"\\begin{{gathered}}{label}\\end{{gathered}}"
    label = _RESIDUE.sub("", label)
    return "".join(_box(character) if ord(character) > 127 else character for character in label)


def _breaks(toks: Sequence[str]) -> bool:
    """Is there a line break outside all groups and environments?"""
    depth = 0
    for token in toks:
        depth += (token in ("{", r"\begin", r"\left")) - (token in ("}", r"\end", r"\right"))
        if token == r"\begin" or token == r"\end":
            continue
        if depth == 0 and token in ("\\\\", r"\newline"):
            return True
    return False


def _box(character: str) -> str:
    return f"\\hbox{{\\vrule width 10pt height {5 + ord(character) % 997 / 100}pt}}"


class Said:
    """LaTeX's verdicts on pairs: True if drawn alike, None if not judged. Saved in a file, if one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._said: dict[tuple[str, str], bool | None] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                one, other, said = json.loads(line)
                self._said[one, other] = said

    def of(self, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
        new = list(dict.fromkeys(pair for pair in pairs if pair not in self._said))
        for start in range(0, len(new), _AT_A_TIME):
            some = new[start : start + _AT_A_TIME]
            asked = dict(zip(some, _asked(some), strict=True))
            self._said |= asked
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps([*pair, said]) + "\n" for pair, said in asked.items())
        return [self._said[pair] for pair in pairs]


def _asked(pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
    texts = {text: for_latex(text) for pair in pairs for text in pair}
    ways = list(dict.fromkeys(texts.values()))
    drawn = dict(zip(ways, tex_drawing.drawings(ways), strict=True))
    found: list[bool | None] = []
    for one, other in pairs:
        first, second = drawn[texts[one]], drawn[texts[other]]
        unjudged = first is None or second is None or _beyond_ascii(one) != _beyond_ascii(other)
        found.append(None if unjudged else tex_drawing.same(first, second))
    return found


def judge(pairs: Sequence[tuple[str, str, str]], said: Said | None = None) -> Judged:
    """Pairs are (kind, one label, the other); an empty kind is derived from the difference."""
    said = said or Said()
    found = Judged()
    for (kind, one, other), alike in zip(pairs, said.of([pair[1:] for pair in pairs]), strict=True):
        if alike is None:
            found.unjudged += 1
        elif alike:
            found.same += 1
        elif (merged := (_merged(one), _merged(other))) != (one, other) and said.of([merged])[0]:
            found.merged += 1
        else:
            found.differing.append((kind or _kind(one, other), one, other))
    return found


def _merged(label: str) -> str:
    for pattern, instead in ON_PURPOSE:
        label = pattern.sub(instead, label)
    return label


def _beyond_ascii(text: str) -> list[str]:
    """Characters outside ASCII. A command for a character is drawn differently from the character's box."""
    return sorted(character for character in text if ord(character) > 127)


def _kind(one: str, other: str) -> str:
    """What differs between the labels, in a word."""
    few = Counter(lexer.tokens(one))
    few.subtract(lexer.tokens(other))
    changed = " ".join(token for token, number in few.items() if number)
    return next((name for name, pattern in _KINDS.items() if pattern.search(changed)), "other")


# Pairs ----------------------------------------------------------------------------------------------------------------


def safe_fixes(labels: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    fixed = fixing.fix(labels, select(), "safe", style="rules")
    for label, after, applied in fixed.select("label", "fixed", "applied").iter_rows():
        if label != after:
            yield ", ".join(applied), label, after


def canonical_forms(labels: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for label, after in engine.judge(labels, select(["CAN100"])).labels.select("label", "canonical").iter_rows():
        if after is not None and label != after:
            yield "", label, after


def equal_keys(labels: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Every label with the first one of the same key; `canonical_forms` has labels with their canonical forms."""
    first: dict[str, str] = {}
    for label, key in zip(labels, engine.visual_keys(labels), strict=True):
        if key is not None and first.setdefault(key, label) != label:
            yield "", first[key], label


def respelled(labels: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Labels and their versions from `respellings`, if both have the same key."""
    made = list(dict.fromkeys(respellings.respelled(labels)))
    texts = list(dict.fromkeys(text for _, one, other in made for text in (one, other)))
    keys = dict(zip(texts, engine.visual_keys(texts), strict=True))
    yield from (pair for pair in made if keys[pair[1]] is not None and keys[pair[1]] == keys[pair[2]])


def braced_commands() -> Iterator[tuple[str, str, str]]:
    """Every LaTeX command with and without braces, between letters, relations and operators, and with scripts."""
    labels = []
    for command in COMMANDS.values():
        bodies = {"": [""], "m": ["{a}", "{ab}"], "mm": ["{a}{b}"], "t": ["{ab}"], "om": ["{a}"], "sm": ["{a}"]}
        for body in bodies.get(command.args, ()) if command.latex else ():
            atom = f"\\{command.name}{body}"
            for around in ("x%s^2", "x%s_2 y", "x%sy", "=%s(", "\\sin %s\\sin", "%s,"):
                labels.append((around % atom, around % f"{{{atom}}}"))
    keys = dict(zip(texts := [text for pair in labels for text in pair], engine.visual_keys(texts), strict=True))
    yield from (("braces", *pair) for pair in labels if keys[pair[0]] is not None and keys[pair[0]] == keys[pair[1]])


def examples() -> list[str]:
    """The labels in the examples of all rules."""
    from rules.registry import all_rules

    docs = [rule.doc for rule in all_rules().values() if rule.scope == "label"]
    return list(
        dict.fromkeys(
            [*(one.label for doc in docs for one in doc.fires), *(one.label for doc in docs for one in doc.quiet)]
        )
    )


def shared(folder: Path, most: int | None) -> dict[str, list[str]]:
    """Distinct labels by set; at most `most` of each, drawn at random."""

    def lines(name: str, encoding: str = "utf-8") -> list[str]:
        return (folder / name).read_text(encoding=encoding).splitlines()

    def captions(name: str) -> list[str]:
        return [line.partition("\t")[2].strip() for line in lines(name)]

    def listed(name: str) -> list[str]:
        return [str(label) for label in json.loads((folder / name).read_text(encoding="utf-8"))]

    with (folder / "im2latex/im2latex_validate.csv").open(encoding="utf-8", newline="") as file:
        validate = [row["formula"] for row in csv.DictReader(file)]
    sets = {
        "im2latex raw": lines("im2latex/im2markup_sample/formulas.lst", "latin-1"),
        "im2latex normalised": lines("im2latex/val.formulas.norm.txt") + validate,
        "HME100K": captions("hme100k/train_labels.txt"),
        "CROHME": captions("crohme/train/caption.txt") + captions("crohme/2014/caption.txt"),
        "CROHME 2023": listed("crohme/crohme2023_train_captions.json") + listed("crohme/crohme2023_val_captions.json"),
        "MathWriting": listed("mathwriting/mathwriting_valid_captions.json"),
    }
    rng = random.Random(1)
    found = {}
    for name, labels in sets.items():
        distinct = [label for label in dict.fromkeys(labels) if label.strip()]
        found[name] = distinct if most is None or len(distinct) <= most else rng.sample(distinct, most)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../../shared/data"), help="folder of the real labels")
    parser.add_argument("--most", type=int, help="labels of each set [default: all]")
    parser.add_argument("--respelled", type=int, default=400, help="how many labels of each set are respelled [400]")
    parser.add_argument(
        "--keep", type=Path, help="file for LaTeX's verdicts, so that the next run continues from there"
    )
    parser.add_argument("--show", type=int, default=3, help="how many differing pairs of each kind are printed")
    args = parser.parse_args()
    sets = {"rules' examples": examples()}
    sets |= shared(args.shared, args.most) if args.shared.is_dir() else {}
    said = Said(args.keep)
    print(f"{'set':20} {'what':16} {'pairs':>7} {'same':>7} {'merged':>7} {'differ':>7} {'unjudged':>9}")
    kinds: dict[str, Counter[str]] = {}

    def ask(name: str, what: str, pairs: Iterable[tuple[str, str, str]]) -> None:
        judged = judge(list(pairs), said)
        numbers = f"{judged.same:7,} {judged.merged:7,} {len(judged.differing):7,} {judged.unjudged:9,}"
        print(f"{name:20} {what:16} {judged.of:7,} {numbers}", flush=True)
        counts = kinds.setdefault(what, Counter())
        for kind, one, other in judged.differing:
            counts[kind] += 1
            if counts[kind] <= args.show:
                print(f"    {kind}\n      {one}\n      {other}")

    for name, labels in sets.items():
        ask(name, "safe fixes", safe_fixes(labels))
        ask(name, "canonical forms", canonical_forms(labels))
        few = random.Random(2).sample(labels, min(args.respelled, len(labels)))
        ask(name, "respelled", respelled(few))
    ask("all sets together", "equal keys", equal_keys(list(dict.fromkeys(chain(*sets.values())))))
    ask("commands", "braces", braced_commands())
    for what, counts in kinds.items():
        print(
            f"{what}: " + (", ".join(f"{kind} {number:,}" for kind, number in counts.most_common()) or "no difference")
        )
    return 1 if any(counts.total() for counts in kinds.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
