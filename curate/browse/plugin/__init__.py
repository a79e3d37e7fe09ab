"""Buttons in FiftyOne's App: thin operators over `curate.browse`. FiftyOne loads this file by itself, as a plugin."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from curate.base.errors import UserError
from curate.browse.dataset import mirror
from curate.browse.deciding import form
from curate.browse.deciding.taking import NOTHING, Desk, Outcome, ShownSample
from curate.browse.likeness import brain


class _Button(foo.Operator):  # type: ignore[misc]
    """An operator with a button above the grid, for the samples selected there."""

    name_ = label_ = icon_ = description_ = ""
    #: Asks for something before it does anything.
    asks = False
    #: Where the row of buttons is too short for all, secondary ones go into its menu first.
    place = types.Places.SAMPLES_GRID_ACTIONS

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name=self.name_,
            label=self.label_,
            description=self.description_,
            icon=self.icon_,
            dynamic=self.asks,
            allow_immediate_execution=True,
            unlisted=self.place is types.Places.SAMPLES_VIEWER_ACTIONS,
        )

    def resolve_placement(self, ctx: Any) -> types.Placement:
        return types.Placement(self.place, types.Button(label=self.label_, icon=self.icon_, prompt=self.asks))

    def execute(self, ctx: Any) -> dict[str, Any]:
        try:
            desk = mirror.desk_of(ctx.dataset)
            samples = mirror.shown(ctx.dataset, _targets(ctx))
            if not samples:
                ctx.ops.notify(NOTHING, variant="warning")
                return {"done": 0}
            outcome = self.do(desk, samples, ctx)
        except UserError as error:
            ctx.ops.notify(str(error), variant="error")
            return {"done": 0}
        mirror.show(ctx.dataset, outcome.states)
        if ctx.current_sample is None:
            ctx.ops.clear_selected_samples()  # before the notice: who reads it selects the next samples
        ctx.ops.notify(outcome.message, variant=outcome.variant)
        ctx.ops.reload_dataset()  # to reload samples would show none of the changes
        return {"done": len(outcome.states)}

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        raise NotImplementedError


def _targets(ctx: Any) -> list[str]:
    """The sample that is open; else those selected."""
    return [ctx.current_sample] if ctx.current_sample else list(ctx.selected)


class AcceptFix(_Button):
    name_, label_, icon_ = "accept_fix", "Accept proposed fix", "auto_fix_high"

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.decide("fix", samples)


class TakeReading(_Button):
    name_, label_, icon_ = "take_reading", "Take the model's reading", "smart_toy"

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.take_readings(samples)


class EditLabel(_Button):
    name_, label_, icon_ = "edit_label", "Edit label", "edit"
    asks = True

    def resolve_input(self, ctx: Any) -> types.Property:
        return form.edit_form(ctx, _targets(ctx))

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.decide("edit", samples, form.text_of(ctx, desk, samples[0]))


class AcceptLabel(_Button):
    name_, label_, icon_ = "accept_label", "Accept label as it is", "check_circle"

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.decide("accept", samples)


class Reject(_Button):
    name_, label_, icon_ = "reject", "Reject sample", "block"

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.decide("reject", samples)


class Undo(_Button):
    name_, label_, icon_ = "undo", "Undo last decision", "undo"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.decide("undo", samples)


class CheckAgain(_Button):
    name_, label_, icon_ = "check_again", "Run the rules again", "fact_check"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def do(self, desk: Desk, samples: list[ShownSample], ctx: Any) -> Outcome:
        return desk.check(samples)


class FindSimilar(_Button):
    """Shows the samples most like these; the first time it makes the index, which FiftyOne's own views use too."""

    name_, label_, icon_ = "find_similar", "Find similar samples", "image_search"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS

    def execute(self, ctx: Any) -> dict[str, Any]:
        ids = _targets(ctx)
        try:
            mirror.desk_of(ctx.dataset)
            if not brain.is_ready(ctx.dataset):
                ctx.ops.notify("Comparing all samples, once; this may take a while …", variant="info")
                brain.prepare(ctx.dataset, lambda label, part: ctx.set_progress(progress=part, label=label))
        except UserError as error:
            ctx.ops.notify(str(error), variant="error")
            return {"shown": 0}
        if not ids:
            ctx.ops.notify("Similar samples can be found now: select some, and press again.", variant="info")
            ctx.ops.reload_dataset()
            return {"shown": 0}
        view = brain.alike(ctx.dataset, ids)
        if ctx.current_sample is not None:
            ctx.ops.close_sample()
        ctx.ops.clear_selected_samples()
        ctx.ops.set_view(view)
        return {"shown": len(view)}


_BUTTONS = (AcceptFix, TakeReading, EditLabel, AcceptLabel, Reject, Undo, CheckAgain, FindSimilar)


def register(plugin: Any) -> None:
    """Called by FiftyOne. An operator has one place in the App: each is there a second time, for the open sample."""
    for button in _BUTTONS:
        plugin.register(button)
        twin = {"name_": f"{button.name_}_open", "place": types.Places.SAMPLES_VIEWER_ACTIONS}
        plugin.register(type(f"{button.__name__}Open", (button,), twin))
