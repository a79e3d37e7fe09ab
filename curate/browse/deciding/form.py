"""The form in which a label is edited: judged and drawn while it is typed. Changes nothing.

FiftyOne asks for the form again with every change of the text. The picture has one size whatever is drawn, so that
nothing moves under the mouse.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fiftyone.operators import types

from curate.base.errors import UserError
from curate.browse.dataset import fields, mirror
from curate.browse.deciding.said import code, findings_text
from curate.browse.deciding.state import JudgedSample
from curate.browse.deciding.taking import NOTHING, Desk, ShownSample
from curate.browse.pictures.sketch import Sketcher
from curate.runs.folder import load_run

#: The form's only value.
LABEL = "label"
_SKETCHER = Sketcher()


def text_of(ctx: Any, desk: Desk, sample: ShownSample) -> str:
    """What stands in the form: what was typed; before that the decided label, the proposal, or the label itself."""
    if LABEL in ctx.params:
        return str(ctx.params[LABEL] or "")
    decided = ctx.dataset[sample.id][fields.DECIDED_LABEL]
    return decided or desk.proposed(sample) or sample.label


def edit_form(ctx: Any, ids: Sequence[str]) -> types.Property:
    """The form for samples, by document id; they must have one label in common."""
    inputs = types.Object()
    title = "Edit label" if len(ids) < 2 else f"Edit the label of {len(ids):,} samples"
    prompt = types.PromptView(label=title, submit_button_label="Save label")
    try:
        desk = mirror.desk_of(ctx.dataset)
        samples = mirror.shown(ctx.dataset, ids)
        problem = _problem(samples)
        if problem is None:
            _fill(inputs, ctx, desk, samples[0])
    except (UserError, OSError) as error:
        problem = str(error)
    if problem is not None:
        inputs = types.Object()
        inputs.view("problem", types.Error(label=problem)).invalid = True
    return types.Property(inputs, view=prompt)


def _problem(samples: Sequence[ShownSample]) -> str | None:
    if not samples:
        return NOTHING
    if len({sample.label for sample in samples}) > 1:
        return "An edit gives all samples one label, and these have different ones: edit one at a time."
    return None


def _fill(inputs: types.Object, ctx: Any, desk: Desk, sample: ShownSample) -> None:
    text = text_of(ctx, desk, sample)
    field = inputs.str(LABEL, default=text, label="Label", view=types.TextFieldView(multiline=True, rows=3))
    if not text.strip():
        field.invalid, field.error_message = True, "Empty: reject the sample instead"
    elif text == sample.label:
        field.invalid, field.error_message = True, "The label as it is: accept it instead"
    look = desk.look(text, sample.sample_id)
    inputs.md(f"![photo and label, drawn]({_picture(ctx, desk, sample, look)})", name="card")
    inputs.md(findings_text(look), name="findings")
    inputs.md(f"Label as it was read: {code(sample.label, 600)}", name="as_read")


def _picture(ctx: Any, desk: Desk, sample: ShownSample, look: JudgedSample) -> str:
    """Photo and label on one card, as a data URI."""
    document, info = ctx.dataset[sample.id], ctx.dataset.info
    source, image = document[fields.SOURCE], document[fields.IMAGE]
    run = load_run(desk.path)
    named = any(entry["name"] == source for entry in run.summary["sources"])
    jpeg = _SKETCHER.card(
        look.label,
        look.visual_key,
        run.root(source) if named else None,
        image,
        Path(info[fields.INFO_DRAWINGS]),
        Path(info[fields.INFO_CARDS]),
    )
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
