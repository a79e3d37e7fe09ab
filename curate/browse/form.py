"""The form in which a label is edited: checked and drawn while it is typed. Changes nothing."""

from __future__ import annotations

import base64
from typing import Any

from fiftyone.operators import types

from curate.browse import mirror
from curate.browse.deciding import Shown

LABEL = "label"


def edit_form(ctx: Any, samples: list[Shown]) -> types.Property:
    inputs = types.Object()
    view = types.PromptView(label="Edit label", submit_button_label="Save")
    if not samples:
        inputs.view("nothing", types.Warning(label="Select samples first, or open one"))
        return types.Property(inputs, view=view)
    first = samples[0]
    desk = mirror.desk_of(ctx.dataset)
    text = ctx.params.get(LABEL)
    start = first.proposed or first.label
    if text is None:
        text = start
    inputs.str(LABEL, label="Label", default=start, required=True, view=types.TextFieldView(multiline=True, rows=4))
    look = desk.look(text, first.sample_id)
    png = base64.b64encode(desk.draw(look).read_bytes()).decode()
    inputs.md("\n".join(f"- **{f.severity}** {f.rule} {f.name}: {f.message}" for f in look.findings) or "No finding.", name="found")
    inputs.str("drawn", default="data:image/png;base64," + png, view=types.ImageView(height="120px"))
    inputs.md(f"![drawn](data:image/png;base64,{png})", name="drawn_md")
    return types.Property(inputs, view=view)
