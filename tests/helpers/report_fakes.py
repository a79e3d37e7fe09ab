"""Makes seeded runs of any size for the report's tests, without reading or auditing anything."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image

from curate.audit.summary import SourceFacts, summarise
from curate.audit.tally import tally, together
from curate.duplicates import Elsewhere
from curate.duplicates.facts import duplicates, leaks
from curate.runs.folder import FINDINGS, SAMPLES

LABELS = (
    r"\frac { %(a)s } { %(b)s } + \sqrt { %(c)s }",
    r"%(a)s ^ { 2 } - %(b)s _ { i } = %(n)s",
    r"\sum _ { i = 1 } ^ { %(n)s } %(a)s _ { i } \le \int _ { 0 } ^ { \infty } e ^ { - %(b)s } d %(b)s",
    r"\left( \begin{array}{cc} %(a)s & %(b)s \\ %(c)s & %(n)s \end{array} \right)",
    r"\lim _ { %(a)s \rightarrow 0 } \frac { \sin %(a)s } { %(a)s } = 1 + %(n)s",
    r"%(n)s \times 4 = %(n)s 2 \neq \theta",
)
#: rule: (name, severity, fix, message, damage: text to insert, or None for a span of existing text)
RULES: dict[str, tuple[str, str, str | None, str, str | None]] = {
    "ESC001": ("layout-newline-token", "error", "unsafe", r"`\n` is M2E's token for a new line, not LaTeX", r" \n 6 1"),
    "ESC002": ("layout-continuation-token", "error", "unsafe", r"`\t` continues the line above", r" \t 1 5"),
    "ESC005": ("escape-eaten-command", "error", "safe", r"TAB and `imes`: an escape ate `\times`", "\times 3"),
    "SYN001": ("unbalanced-brace", "error", None, "a `{` is never closed", r" \frac { 1 "),
    "SYN006": ("double-superscript", "error", "display", "two superscripts on one base", " b ^ { 2 } ^ { 3 }"),
    "CMD001": (
        "unknown-command",
        "error",
        "display",
        r"`\foobar` is not a command; did you mean `\frown`?",
        r" \foobar x",
    ),
    "CMD005": ("obsolete-font-switch", "warning", "unsafe", r"`\bf` is an old font switch", r" {\bf x}"),
    "DLM005": ("label-residue", "info", "safe", r"`\label` can't be seen in the picture", r" \label{eq:1}"),
    "WSP003": ("trailing-space-command", "info", "safe", r"`\quad` at the end can't be seen", r" \quad"),
}


@dataclass
class FakeRun:
    """Like `curate.runs.folder.Run`, in memory."""

    frame: pl.DataFrame
    found: pl.DataFrame
    summary: dict[str, Any]
    path: Path = Path("fake")

    @property
    def samples(self) -> pl.LazyFrame:
        return self.frame.lazy()

    @property
    def findings(self) -> pl.LazyFrame:
        return self.found.lazy()

    def root(self, source: str) -> Path:
        return Path("images") / source


def no_image(root: Path, ref: str) -> Image.Image:
    raise FileNotFoundError(ref)


def describe(code: str) -> tuple[str, str, str]:
    name = RULES[code][0] if code in RULES else code
    return (
        name.replace("-", " ").capitalize(),
        f"The label holds what {name.replace('-', ' ')} looks for: `{code}`.",
        "A model that is trained on it learns to write what nothing can render.",
    )


def sample(sample_id: str, source: str, label: str, **more: Any) -> dict[str, Any]:
    """A row of samples.parquet. The key comes from the label, and the score is 1."""
    row = dict.fromkeys(SAMPLES)
    row.update(sample_id=sample_id, source=source, label=label, canonical=label, score=1.0)
    row.update(n_tokens=len(label.split()), visual_key=hashlib.md5(label.encode()).hexdigest()[:16])
    return {**row, **more}


def finding(
    sample_id: str | None, source: str, rule: str, start: int | None, end: int | None, **more: Any
) -> dict[str, Any]:
    """A row of findings.parquet, with the rule's facts from RULES."""
    name, severity, fix, message, _ = RULES.get(rule, (rule.lower(), "warning", None, "a message", None))
    values = (sample_id, source, rule, name, severity, start, end, message, fix, None)
    return {**dict(zip(FINDINGS, values, strict=True)), **more}


def frames(samples: list[dict[str, Any]], findings: list[dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.DataFrame(samples, schema=SAMPLES), pl.DataFrame(findings, schema=FINDINGS)


def run_of(
    samples: list[dict[str, Any]], findings: list[dict[str, Any]], facts: list[SourceFacts] | None = None
) -> FakeRun:
    """A run of these rows with its summary."""
    if facts is None:
        names = sorted({row["source"] for row in samples})
        facts = [
            SourceFacts(name, "jsonl", f"{name}.jsonl", ".", sum(row["source"] == name for row in samples))
            for name in names
        ]
    frame, found = frames(samples, findings)
    summary = summary_of(
        frame, found, facts, {"profile": "default", "images": True}, {"python": "3.11", "polars": "2.1.0"}
    )
    return FakeRun(frame, found, summary)


def summary_of(
    samples: pl.DataFrame,
    findings: pl.DataFrame,
    sources: list[SourceFacts],
    config: dict[str, Any],
    versions: dict[str, str],
    *,
    parts: int = 1,
) -> dict[str, Any]:
    """The summary of a run whose samples are counted in `parts` parts."""
    rows = max(-(-samples.height // parts), 1)
    cut = [samples.slice(start, rows) for start in range(0, max(samples.height, 1), rows)]
    tallies = []
    for number, part in enumerate(cut):
        own = pl.col("sample_id").is_in(part["sample_id"].implode())
        tallies.append(tally(part, findings.filter(own | (pl.col("sample_id").is_null() & (number == 0)))))
    return summarise(
        together(tallies),
        sources,
        config,
        versions,
        distinct=samples["label"].n_unique() if samples.height else 0,
        duplicates=duplicates(samples),
        elsewhere=Elsewhere(leaks=leaks(samples)),
    )


def fake_run(seed: int = 7, scale: int = 1000) -> FakeRun:
    """Five sources of about `scale` samples each: good, with duplicates, with layout tokens, broken, and tiny."""
    rng = random.Random(seed)
    plan = {
        "im2latex": (scale, {"SYN006": 0.002, "DLM005": 0.2, "CMD005": 0.05, "WSP003": 0.08}, 0.0, True),
        "hme100k": (2 * scale, {"SYN006": 0.0005, "WSP003": 0.01}, 0.3, False),
        "m2e": (scale, {"ESC001": 0.9, "ESC002": 0.5}, 0.05, False),
        "crohme2023": (scale, {"SYN001": 0.26, "CMD001": 0.01}, 0.02, False),
        "csv_export": (scale // 2, {"ESC005": 0.08}, 0.0, False),
        "手写公式": (max(scale // 20, 5), {}, 0.0, False),
    }
    samples, findings, facts = [], [], []
    for source, (size, rules, again, images) in plan.items():
        first = len(samples)
        for number in range(size):
            split = "test" if number % 10 == 0 else "train"
            sample_id = f"{source}/{split}/{number:06d}"
            if again and number and rng.random() < again:
                label = samples[first + rng.randrange(number)]["label"]
            else:
                words = {key: rng.choice("abcdxyzuvw") for key in "abc"} | {"n": str(rng.randrange(1, 9999))}
                label = " + ".join(rng.choice(LABELS) % words for _ in range(1 + int(rng.expovariate(1.2))))
            worst, key, own = 0.0, True, len(findings)
            for rule, rate in rules.items():
                put = RULES[rule][4]
                if rng.random() >= rate or not put:
                    continue
                start = len(label) if rule in ("WSP003", "SYN001") else label.index(" ", len(label) // 3)
                label = label[:start] + put + label[start:]
                fix = {"safe": "", "unsafe": r"\\", "display": "{b ^ { 2 }} ^ { 3 }"}.get(RULES[rule][2] or "")
                token = put.split(" ")[1] if rule.startswith("ESC00") and put[0] == " " else put.strip(" ")
                for earlier in findings[own:]:
                    if earlier["start"] >= start:
                        earlier.update(start=earlier["start"] + len(put), end=earlier["end"] + len(put))
                at = start + put.index(token)
                findings.append(finding(sample_id, source, rule, at, at + len(token), replacement=fix))
                weight = {"error": 0.6, "warning": 0.2, "info": 0.02}[RULES[rule][1]]
                worst, key = 1 - (1 - worst) * (1 - weight), key and RULES[rule][1] != "error"
            extra: dict[str, Any] = {}
            if images:
                size_of = {"width": rng.randrange(60, 900), "height": rng.randrange(20, 160)}
                extra = {"image": f"{number:06d}.png", **size_of}
            row = sample(sample_id, source, label, split=split, score=round(1 - worst, 4), **extra)
            samples.append(row if key else {**row, "visual_key": None, "canonical": None})
        bad = 3 if source == "hme100k" else 0
        rows = [
            {"file": "labels.txt", "line": 7 * i, "reason": "no label", "excerpt": f"train_{i}.jpg"} for i in range(bad)
        ]
        facts.append(
            SourceFacts(
                source, source, f"data/{source}", "data", size + bad, bad, {"no label": bad} if bad else {}, rows
            )
        )
    return run_of(samples, findings, facts)
