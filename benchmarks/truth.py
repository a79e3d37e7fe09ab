"""Asks LaTeX what looks the same: safe fixes, canonical forms and equal visual keys, on labels of the shared folder.

    make truth                        all labels
    make truth TRUTH_ARGS="--most 500 --show 5"

LaTeX (`latex` with amsmath, amssymb, bm, cancel) draws both labels of every pair, and the drawings are compared mark by
mark. A label of several lines is set in `gathered`, as a line break has no effect in `equation*`. A character beyond
ASCII is a box of one width, and of a height of its own. What LaTeX rejects can't be judged, and is counted. Exits with
1 if a safe fix changes a drawing.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tex_drawing

from rules import engine, fixing, select
from rules.latex import lexer, wrapper

#: Trailing spacing and residue of documents draw nothing, and LaTeX refuses some of it in `equation*`.
_RESIDUE = re.compile(r"\\(?:label|tag)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])")
_KINDS = {
    "a matrix or an array": re.compile(r"\\begin\s*\{\s*(?:[pbvBV]?(?:small)?matrix|array|cases|aligned?)|matrix"),
    "dots": re.compile(r"\\[lc]?dots[a-z]?(?![A-Za-z])"),
    r"\not": re.compile(r"\\not(?![A-Za-z])|\\n[a-z]+"),
    "a font": re.compile(r"\\(?:rm|bf|it|cal|sf|tt|sl|scriptstyle|textstyle|displaystyle|math[a-z]+)(?![A-Za-z])"),
}


@dataclass
class Judged:
    """What LaTeX said of pairs of labels. differing: (kind, one label, the other)."""

    same: int = 0
    unjudged: int = 0
    differing: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def of(self) -> int:
        return self.same + self.unjudged + len(self.differing)


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


def judge(pairs: Sequence[tuple[str, str, str]]) -> Judged:
    """Pairs are (kind, one label, the other); an empty kind is worked out from what differs."""
    texts = {text: for_latex(text) for _, one, other in pairs for text in (one, other)}
    ways = list(dict.fromkeys(texts.values()))
    drawn = dict(zip(ways, tex_drawing.drawings(ways), strict=True))
    found = Judged()
    for kind, one, other in pairs:
        first, second = drawn[texts[one]], drawn[texts[other]]
        if first is None or second is None or _beyond_ascii(one) != _beyond_ascii(other):
            found.unjudged += 1
        elif tex_drawing.same(first, second):
            found.same += 1
        else:
            found.differing.append((kind or _kind(one, other), one, other))
    return found


def _beyond_ascii(text: str) -> list[str]:
    """A command that stands for a character is drawn otherwise than the character's box."""
    return sorted(character for character in text if ord(character) > 127)


def _kind(one: str, other: str) -> str:
    """What of both labels differs, in a word."""
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
    """Every label with the first of the same key; a label and its canonical form are `canonical_forms`'s."""
    first: dict[str, str] = {}
    for label, key in zip(labels, engine.visual_keys(labels), strict=True):
        if key is not None and first.setdefault(key, label) != label:
            yield "", first[key], label


def examples() -> list[str]:
    """The labels of all rules' examples."""
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

    sets = {
        "im2latex raw": lines("im2latex/im2markup_sample/formulas.lst", "latin-1"),
        "im2latex normalised": lines("im2latex/val.formulas.norm.txt"),
        "HME100K": captions("hme100k/train_labels.txt"),
        "CROHME": captions("crohme/train/caption.txt") + captions("crohme/2014/caption.txt"),
        "MathWriting": json.loads((folder / "mathwriting/mathwriting_valid_captions.json").read_text(encoding="utf-8")),
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
    parser.add_argument("--show", type=int, default=3, help="differing pairs that are printed of each kind")
    args = parser.parse_args()
    sets = {"rules' examples": examples()}
    sets |= shared(args.shared, args.most) if args.shared.is_dir() else {}
    print(f"{'set':20} {'what':16} {'pairs':>7} {'same':>7} {'differ':>7} {'unjudged':>9}")
    wrong = 0
    kinds: dict[str, Counter[str]] = {}
    for name, labels in sets.items():
        for what, make in (
            ("safe fixes", safe_fixes),
            ("canonical forms", canonical_forms),
            ("equal keys", equal_keys),
        ):
            judged = judge(list(make(labels)))
            print(
                f"{name:20} {what:16} {judged.of:7,} {judged.same:7,} {len(judged.differing):7,} {judged.unjudged:9,}",
                flush=True,
            )
            wrong += len(judged.differing) * (what == "safe fixes")
            counts = kinds.setdefault(what, Counter())
            for kind, one, other in judged.differing:
                counts[kind] += 1
                if counts[kind] <= args.show:
                    print(f"    {kind}\n      {one}\n      {other}")
    for what, counts in kinds.items():
        print(
            f"{what}: " + (", ".join(f"{kind} {number:,}" for kind, number in counts.most_common()) or "no difference")
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
