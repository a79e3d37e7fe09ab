"""Assembles report.html: the numbers, examples and plots put into the template, kept below a size. Counts nothing.

The page loads nothing: no network, no fonts, no other files. A Content-Security-Policy names the hashes of its one
script and its one style sheet, so even markup that got past the escaping could not run anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import jinja2
import polars as pl
from markupsafe import Markup

from curate.audit.advice.usable import labels_only
from curate.audit.verdict import MEANINGS, export_command
from curate.base.atomic_files import new_file
from curate.base.tables import size
from curate.report import data, plots
from curate.report.examples import FlaggedSample, choose, of_whole_sources
from curate.report.markup import code, marked, text
from curate.report.notes import near_text, sample_text, suppressed_text
from curate.report.overview import overlaps, rank, remarks_line
from curate.report.pictures import NO_ROOM, OpenImage, PagePicture, Pictures, Place
from curate.report.suspects import choose_suspects, suspect_cards, wants_of
from curate.report.template import open_template
from curate.runs import decision_counts

#: (title, what it means, why it is bad) for a rule's code.
Describe = Callable[[str], tuple[str, str, str]]

EXAMPLES = 6
#: Bytes of the page, of its pictures, and of its examples' text. What exceeds them is left out, and the page says so.
MOST_BYTES = 9_500_000
PICTURE_BYTES = 4_500_000
TEXT_BYTES = 1_500_000
MOST_RULES = 250
#: The most rules that a point links to.
LINKS = 4
MOST_SOURCES = 100
MOST_UNREADABLE = 200
MOST_OVERLAPS = 60

_HERE = Path(__file__).parent


class ReportedRun(Protocol):
    """What is needed from a run; `curate.runs.folder.Run` is one."""

    @property
    def path(self) -> Path: ...
    @property
    def samples(self) -> pl.LazyFrame: ...
    @property
    def findings(self) -> pl.LazyFrame: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    def root(self, source: str) -> Path: ...


def write_report(
    run: ReportedRun,
    out: Path,
    *,
    describe: Describe,
    open_image: OpenImage | None = None,
    examples: int = EXAMPLES,
) -> None:
    """Write the report of `run` to the file `out`, whole or not at all. Equal runs give equal bytes.

    Args:
        run: its frames have the schemas of `curate.runs.folder`.
        out: the file, usually report.html in the run folder.
        describe: `(title, what, why)` of a rule's code.
        open_image: opens the image `ref` below `root`; `curate.images.opening` by default.
        examples: the most examples for each rule.
    """
    html = build(run, describe, open_image, examples)
    with new_file(out) as temporary:
        temporary.write_bytes(html)


def build(
    run: ReportedRun,
    describe: Describe,
    open_image: OpenImage | None,
    examples: int,
) -> bytes:
    """The page's bytes, below MOST_BYTES whatever the run holds."""
    summary = run.summary
    # What the audit was told not to open isn't opened for its report either.
    samples = run.samples if summary["config"]["images"] else run.samples.with_columns(image=pl.lit(None, pl.String))
    rules = summary["rules"][:MOST_RULES]
    chosen = choose(samples, run.findings, [rule["rule"] for rule in rules], examples)
    roots = {entry["name"]: run.root(entry["name"]) for entry in summary["sources"]}
    suspects = choose_suspects(samples, run.findings, summary)
    turns = _in_turn(chosen)
    wanted = [want for suspect in suspects for want in wants_of(suspect, roots)]
    wanted += [want for example in turns for want in _wants(example, roots)]
    found = Pictures(wanted, open_image)
    suspected = suspect_cards(suspects, roots, found)
    cards = _cards(turns, roots, found)
    whole = of_whole_sources(run.findings, [rule["rule"] for rule in rules])
    anchors = {rule["rule"]: (f"r{place}", rule["name"]) for place, rule in enumerate(rules, 1)}
    context = {
        "summary": summary,
        "headline": _headline(summary["sources"]),
        "version": summary["texsieve"],
        "answer": _answer(summary["sources"]),
        "sources": [_source(entry, anchors) for entry in sorted(summary["sources"], key=rank)[:MOST_SOURCES]],
        "command": export_command(summary["sources"], str(run.path)),
        "sources_left": max(len(summary["sources"]) - MOST_SOURCES, 0),
        "overlaps": overlaps(summary["sources"])[:MOST_OVERLAPS],
        "near": near_text(summary),
        "decided": decision_counts.text(summary.get("decisions", {})),
        "rules": [
            {
                **_rule(
                    rule,
                    summary,
                    describe,
                    cards.get(rule["rule"], []),
                    len(chosen.get(rule["rule"], ())),
                    whole.get(rule["rule"], []),
                ),
                "anchor": anchors[rule["rule"]][0],
            }
            for rule in rules
        ],
        "predicted": bool(summary.get("predictions")),
        "images": [entry for entry in sorted(summary["sources"], key=rank)[:MOST_SOURCES] if entry.get("images")],
        "suspects": suspected,
        "known": suppressed_text(summary.get("suppressed", {"findings": 0})),
        "rules_left": max(len(summary["rules"]) - MOST_RULES, 0),
        "plots": _plots(run),
        "unreadable": summary["unreadable"][:MOST_UNREADABLE],
        "facts": _facts(summary),
        "config": text(json.dumps(summary["config"], ensure_ascii=False, indent=2, sort_keys=True), 20_000),
        "outlines": found.outlines,
    }
    html = _render(context)
    # The budgets above hold for every run we thought of; what follows holds for the others.
    for kept in ("text", "nothing"):
        if len(html) <= MOST_BYTES:
            break
        context["suspects"] = _without_pictures(suspected)
        for rule in context["rules"]:
            rule["cards"] = _without_pictures(rule["cards"]) if kept == "text" else []
        context["outlines"] = Markup("")
        html = _render(context)
    return html


def _without_pictures(cards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**card, "pictures": [(kind, NO_ROOM) for kind, _ in card["pictures"]]} for card in cards]


@lru_cache(maxsize=1)
def _template() -> tuple[jinja2.Template, dict[str, Any]]:
    return open_template(_HERE / "report.html")


def _render(context: Mapping[str, Any]) -> bytes:
    template, fixed = _template()
    # A lone surrogate can't be written as UTF-8. Markup shows it as U+XXXX; this catches text that bypassed markup.
    return template.render({**fixed, **context}).encode("utf-8", "replace")


def _headline(sources: Sequence[Mapping[str, Any]]) -> str:
    """The page's title: how many of the sources are ready."""
    ready, of = sum(entry["verdict"] == "ready" for entry in sources), len(sources)
    if not of:
        return "No source was audited"
    if of == 1:
        return f"{sources[0]['name']} is {'ready to train on' if ready else 'not ready to train on as it is'}"
    if not ready:
        return f"None of the {of} sources is ready to train on as it is"
    some = f"All {of}" if ready == of else f"{ready} of {of}"
    return f"{some} sources {'is' if ready == 1 else 'are'} ready to train on"


def _answer(sources: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """The sources' names by verdict, best first, with what the verdict means."""
    out: dict[str, list[str]] = {}
    for entry in sorted(sources, key=rank):
        unseen = " (labels only)" if entry["samples"] and labels_only(entry) else ""
        out.setdefault(entry["verdict"], []).append(text(entry["name"], 40) + unseen)
    return [(verdict, MEANINGS[verdict], names) for verdict, names in out.items()]


def _source(entry: Mapping[str, Any], anchors: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    parts = [(name, entry[key]) for name, key in _PARTS]
    advice = [
        {
            **point,
            "links": [(code, *shown) for code in point["rules"][:LINKS] if (shown := anchors.get(code))],
        }
        for point in entry["advice"]
    ]
    return {
        **entry,
        "advice": advice,
        "first_do": next((point["do"] for point in advice if point["do"]), ""),
        "labels_only": bool(entry["samples"]) and labels_only(entry),
        "remarks": remarks_line(entry),
        "bar": plots.composition(parts),
        "parts": parts,
        "slug": entry["verdict"].replace(" ", "-"),
    }


_PARTS = (("clean", "clean"), ("warning", "samples_with_warning"), ("error", "samples_with_error"))


def _rule(
    rule: Mapping[str, Any],
    summary: Mapping[str, Any],
    describe: Describe,
    cards: list[dict[str, Any]],
    chosen: int,
    whole: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """chosen: how many cards were planned."""
    title, what, why = describe(rule["rule"])
    # A finding about a source as a whole has no samples to count: only the source is named.
    where = [
        (entry["name"], found["samples"])
        for entry in summary["sources"]
        for found in entry["rules"]
        if found["rule"] == rule["rule"] and (found["severity"] == "info") == (rule["severity"] == "info")
    ]
    return {
        **rule,
        "title": title,
        "what": what,
        "why": why,
        "where": where,
        "whole": list(whole),
        "cards": cards,
        "chosen": chosen,
    }


def _plots(run: ReportedRun) -> list[tuple[str, Markup]]:
    made = [
        ("How clean are the labels?", data.score_plot(run.summary)),
        ("What is wrong most often?", data.rules_plot(run.summary)),
        ("How long are the labels?", data.length_plot(run.samples, run.summary["sources"])),
        ("How large are the images?", data.image_plot(run.samples)),
    ]
    return [(title, plot) for title, plot in made if plot is not None]


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = summary.get("run", {})
    facts = [("texsieve", summary["texsieve"]), ("visual key version", str(summary["key_version"]))]
    if drawn := summary.get("sample"):
        facts.append(("samples", sample_text(drawn)))
    if run:
        facts.append(("made", str(run.get("created", "–"))))
        facts.append(("command", " ".join(str(word) for word in run.get("command", [])) or "–"))
        facts.append(("peak memory", size(run.get("peak_memory_bytes"))))
        facts.extend((f"time: {stage}", f"{seconds:.2f} s") for stage, seconds in run.get("timings", {}).items())
    facts.extend((name, str(version)) for name, version in summary["versions"].items() if name != "texsieve")
    return facts


def _in_turn(chosen: Mapping[str, Sequence[FlaggedSample]]) -> list[FlaggedSample]:
    """All examples. Rules take turns, so that each has its first ones if room runs out."""
    most = max((len(found) for found in chosen.values()), default=0)
    return [found[place] for place in range(most) for found in chosen.values() if place < len(found)]


def _wants(example: FlaggedSample, roots: Mapping[str, Path]) -> list[str | Place]:
    image: list[str | Place] = [] if example.image is None else [(roots.get(example.source), example.image)]
    return [*image, example.label]


def _cards(
    examples: Sequence[FlaggedSample], roots: Mapping[str, Path], found: Pictures
) -> dict[str, list[dict[str, Any]]]:
    """The examples with their pictures, by rule, as many as fit."""
    cards: dict[str, list[dict[str, Any]]] = {}
    picture_bytes = text_bytes = 0
    for example in examples:
        card = _card(example)
        text_bytes += sum(len(value.encode()) for value in card.values() if isinstance(value, str)) + 600
        if text_bytes > TEXT_BYTES:
            return cards
        shown: list[tuple[str, PagePicture]] = []
        room = picture_bytes < PICTURE_BYTES
        for want in _wants(example, roots):
            kind = "label, drawn" if isinstance(want, str) else "image"
            shown.append((kind, found.of(want) if room else NO_ROOM))
        picture_bytes += sum(picture.size for _, picture in shown)
        card["pictures"] = shown
        cards.setdefault(example.rule, []).append(card)
    return cards


def _card(example: FlaggedSample) -> dict[str, Any]:
    return {
        "sample_id": text(example.sample_id, 120),
        "source": text(example.source, 60),
        "label": marked(example.label, example.spans),
        "message": text(example.message, 400),
        "fix": example.fix,
        "replacement": None if example.replacement is None else code(example.replacement, 200),
    }
