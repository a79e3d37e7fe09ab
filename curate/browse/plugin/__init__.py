"""Buttons in FiftyOne's App: thin operators over `curate.browse`. FiftyOne loads this file by itself, as a plugin.

They act on the samples that are selected in the grid. They can't act on an open sample: after a reload the App still
names the sample that was open before, whichever one is shown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from curate.base.errors import UserError
from curate.browse.dataset import fields, mirror
from curate.browse.deciding.taking import NOTHING, Desk, Outcome, ShownSample
from curate.browse.likeness import brain
from curate.browse.page.queues import pick
from curate.browse.process.server import PAGE
from curate.browse.process.work import WorkingFiles


class _Button(foo.Operator):  # type: ignore[misc]
    """An operator with a button above the grid, for the samples selected there."""

    name_ = label_ = icon_ = ""
    #: If the row of buttons is too short, secondary ones move into its menu first.
    place = types.Places.SAMPLES_GRID_ACTIONS

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name=self.name_, label=self.label_, icon=self.icon_, allow_immediate_execution=True)

    def resolve_placement(self, ctx: Any) -> types.Placement:
        return types.Placement(self.place, types.Button(label=self.label_, icon=self.icon_, prompt=False))

    def execute(self, ctx: Any) -> dict[str, Any]:
        try:
            desk = mirror.desk_of(ctx.dataset)
            samples = mirror.shown(ctx.dataset, ctx.selected)
            if not samples:
                ctx.ops.notify(NOTHING, variant="warning")
                return {"done": 0}
            outcome = self.do(desk, samples)
        except UserError as error:
            ctx.ops.notify(str(error), variant="error")
            return {"done": 0}
        mirror.show(ctx.dataset, outcome.states)
        ctx.ops.clear_selected_samples()  # before the notice: who reads it selects the next samples
        ctx.ops.notify(outcome.message, variant=outcome.variant)
        ctx.ops.reload_dataset()  # to reload samples would show none of the changes
        return {"done": len(outcome.states)}

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        raise NotImplementedError


class DecideByKeys(_Button):
    """Opens the page for deciding on the selected samples, or on all samples in the grid if none is selected."""

    name_, label_, icon_ = "decide_by_keys", "Decide by keys", "keyboard"

    def execute(self, ctx: Any) -> dict[str, Any]:
        page = os.environ.get(PAGE)
        if not page or fields.INFO_WORK not in ctx.dataset.info:
            ctx.ops.notify("There is no page for deciding here: start `curate browse` again", variant="error")
            return {"picked": 0}
        view = ctx.view.select(ctx.selected) if ctx.selected else ctx.view
        ids = view.values(fields.SAMPLE_ID)
        queue = pick(ids, WorkingFiles(Path(ctx.dataset.info[fields.INFO_WORK])).picked)
        ctx.ops.clear_selected_samples()  # they are decided on there
        ctx.trigger("@texsieve/decide/open_page", {"url": f"{page}#queue={queue}"})
        return {"picked": len(ids)}


class AcceptFix(_Button):
    name_, label_, icon_ = "accept_fix", "Accept proposed fix", "auto_fix_high"

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.decide("fix", samples)


class TakeReading(_Button):
    name_, label_, icon_ = "take_reading", "Take the model's reading", "smart_toy"

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.take_readings(samples)


class AcceptLabel(_Button):
    name_, label_, icon_ = "accept_label", "Accept label as it is", "check_circle"

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.decide("accept", samples)


class Reject(_Button):
    name_, label_, icon_ = "reject", "Reject sample", "block"

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.decide("reject", samples)


class Undo(_Button):
    name_, label_, icon_ = "undo", "Undo last decision", "undo"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.decide("undo", samples)


class CheckAgain(_Button):
    name_, label_, icon_ = "check_again", "Run the rules again", "fact_check"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def do(self, desk: Desk, samples: list[ShownSample]) -> Outcome:
        return desk.check(samples)


class FindSimilar(_Button):
    """Shows the samples most like these; the first time it makes the index that FiftyOne's own views use too."""

    name_, label_, icon_ = "find_similar", "Find similar samples", "image_search"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def execute(self, ctx: Any) -> dict[str, Any]:
        try:
            mirror.desk_of(ctx.dataset)
            if not brain.is_ready(ctx.dataset):
                ctx.ops.notify("Comparing all samples. This happens once and may take a while …", variant="info")
                brain.prepare(ctx.dataset, lambda label, part: ctx.set_progress(progress=part, label=label))
        except UserError as error:
            ctx.ops.notify(str(error), variant="error")
            return {"shown": 0}
        if not ctx.selected:
            ctx.ops.notify("The index is ready: select samples and press the button again.", variant="info")
            ctx.ops.reload_dataset()
            return {"shown": 0}
        view = brain.alike(ctx.dataset, ctx.selected)
        ctx.ops.clear_selected_samples()
        ctx.ops.set_view(view)
        return {"shown": len(view)}


def register(plugin: Any) -> None:
    """Called by FiftyOne."""
    for button in (DecideByKeys, AcceptFix, TakeReading, AcceptLabel, Reject, Undo, CheckAgain, FindSimilar):
        plugin.register(button)
