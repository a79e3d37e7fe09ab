"""What the App shows of a run: saved views, groups of the sidebar, colours, as parts of FiftyOne's dataset document."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from curate.browse.dataset import fields
from rules.registry import all_rules, families

#: Samples below this score are in the view "low score": two errors, one error, or three warnings can lower it this far.
LOW_SCORE = 0.5
COLOURS = {"error": "#e5484d", "warning": "#f5a524", "info": "#5b8def", fields.CLEAN: "#4caf6d"}
_DECISION_COLOURS = {
    "accept": "#4caf6d",
    "fix": "#2aa7a0",
    "edit": "#5b8def",
    "reject": "#e5484d",
    fields.UNDECIDED: "#9aa0a6",
}
_FAMILY_COLOUR = "#667080"

#: Groups of the sidebar, in order, and which are open at first.
GROUPS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("tags", (), True),
    ("findings", (fields.SEVERITY, fields.FINDINGS, fields.RULES), True),
    ("decision", (fields.DECISION, fields.DECIDED_LABEL), True),
    ("label", (fields.LABEL, fields.TEXT, fields.CHANGE, fields.PROPOSED, fields.READING, fields.CANONICAL), True),
    ("scores", (fields.SCORE, fields.PAIR_SCORE, fields.LABEL_ERROR_RANK, fields.N_TOKENS), True),
    ("duplicates", (fields.DUPLICATES, fields.CONFLICT, fields.VISUAL_KEY), False),
    ("where from", (fields.SOURCE, fields.SPLIT, fields.SAMPLE_ID, fields.IMAGE, "width", "height"), False),
    ("metadata", ("metadata.size_bytes", "metadata.mime_type", "metadata.width", "metadata.height"), False),
    ("pictures", ("filepath", fields.RENDERED, fields.SIDE_BY_SIDE), False),
    ("other", ("id", "created_at", "last_modified_at"), False),
)


def app_config(has_images: bool) -> dict[str, Any]:
    """The dataset's `app_config`. Without images the drawings come first."""
    first = fields.SIDE_BY_SIDE if has_images else fields.RENDERED
    by_severity = [{"value": name, "color": colour} for name, colour in COLOURS.items()]
    by_rule = [{"value": code, "color": COLOURS[rule.severity]} for code, rule in sorted(all_rules().items())]
    return {
        "color_scheme": {
            # Colour means severity here; everything else is grey.
            "color_pool": [_FAMILY_COLOUR],
            "color_by": "value",
            "fields": [
                {
                    "path": fields.FINDINGS,
                    "fieldColor": COLOURS["warning"],
                    "colorByAttribute": "severity",
                    "valueColors": by_severity,
                },
                {"path": fields.SEVERITY, "fieldColor": COLOURS["warning"], "valueColors": by_severity},
                {"path": fields.RULES, "fieldColor": COLOURS["warning"], "valueColors": by_rule},
                {
                    "path": fields.DECISION,
                    "fieldColor": _DECISION_COLOURS["edit"],
                    "valueColors": [{"value": name, "color": colour} for name, colour in _DECISION_COLOURS.items()],
                },
            ],
        },
        # Codes without names: more lines would hide the drawings.
        "active_fields": {"exclude": False, "paths": ["tags", fields.RULES, fields.LABEL]},
        "grid_media_field": first,
        "media_fallback": False,
        "media_fields": [fields.SIDE_BY_SIDE, "filepath", fields.RENDERED],
        "modal_media_field": first,
        "plugins": {},
        "sidebar_groups": [
            {"name": name, "paths": list(paths), "expanded": is_open} for name, paths, is_open in GROUPS
        ],
    }


def saved_views(frame: pl.DataFrame) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    """Name, description, colour and stages of each view that has a sample now or may get one.

    Stages are FiftyOne's own, as data: (class, keyword arguments).
    """
    views = [
        (
            "errors",
            "Wrong for training: LaTeX rejects the label, or it is certainly damaged",
            COLOURS["error"],
            [_match({fields.SEVERITY: "error"})],
        ),
        (
            "likely wrong pair",
            "The label is probably not this image's",
            COLOURS["warning"],
            [_match({fields.RULES: {"$in": pair_codes()}}), _sort(fields.PAIR_SCORE)],
        ),
        (
            "duplicates and conflicts",
            "The image occurs more than once; those with different labels first",
            COLOURS["info"],
            [
                _match({"$or": [{fields.DUPLICATES: {"$ne": None}}, {fields.CONFLICT: True}]}),
                _sort((fields.CONFLICT, -1), (fields.DUPLICATES, 1)),
            ],
        ),
        (
            "low score",
            f"Score under {LOW_SCORE:g}, the lowest first",
            COLOURS["warning"],
            [_match({fields.SCORE: {"$lt": LOW_SCORE}}), _sort(fields.SCORE)],
        ),
        (
            fields.UNDECIDED,
            "Samples with an error or a warning that nobody has decided on yet",
            _DECISION_COLOURS[fields.UNDECIDED],
            [_match({fields.DECISION: fields.UNDECIDED, fields.SEVERITY: {"$in": ["error", "warning"]}})],
        ),
        (
            "remarks only",
            "Style, spelling and facts: they don't count against the label",
            COLOURS["info"],
            [_match({fields.SEVERITY: "info"})],
        ),
    ]
    if frame[fields.LABEL_ERROR_RANK].count():
        views.insert(
            2,
            (
                "likely label error",
                "Models read something other than the label; the likeliest error first",
                COLOURS["warning"],
                [_match({fields.LABEL_ERROR_RANK: {"$ne": None}}), _sort(fields.LABEL_ERROR_RANK)],
            ),
        )
    told = frame.select(pl.col(fields.FINDINGS).explode()).unnest(fields.FINDINGS)
    worse = told.filter(pl.col("severity").is_in(["error", "warning"]))["label"].str.split(" ").list.first()
    present = set(worse.drop_nulls().unique().to_list())
    for family, title in families().items():
        codes = sorted(code for code in present if code[:-3] == family)
        if codes:
            views.append(
                (
                    f"{family} {title}",
                    f"Errors and warnings of {', '.join(codes)}",
                    _FAMILY_COLOUR,
                    [_match({fields.RULES: {"$in": codes}})],
                )
            )
    return views


def pair_codes() -> list[str]:
    """Codes of the errors and warnings about pairs of image and label."""
    return sorted(rule.code for rule in all_rules().values() if rule.family == "PAR" and rule.severity != "info")


def _match(condition: dict[str, Any]) -> dict[str, Any]:
    return {"_cls": "fiftyone.core.stages.Match", "kwargs": [["filter", condition]]}


def _sort(*keys: str | tuple[str, int]) -> dict[str, Any]:
    field: Any = keys[0] if len(keys) == 1 else [list(key) for key in keys]
    return {"_cls": "fiftyone.core.stages.SortBy", "kwargs": [["field_or_expr", field], ["reverse", False]]}


def view_documents(frame: pl.DataFrame, dataset_id: str, now: dict[str, str]) -> list[dict[str, Any]]:
    """The saved views in the form of FiftyOne's metadata.json."""
    return [
        {
            "_id": {"$oid": f"{dataset_id[:8]}{number:016x}"},
            "_dataset_id": {"$oid": dataset_id},
            "name": name,
            "description": description,
            "slug": "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()),
            "color": colour,
            "view_stages": [json.dumps(stage) for stage in stages],
            "created_at": now,
            "last_modified_at": now,
            "last_loaded_at": None,
        }
        for number, (name, description, colour, stages) in enumerate(saved_views(frame))
    ]
