"""The form in which a label is edited: judged and drawn while it is typed. Changes nothing.

FiftyOne asks for the form again with every change of the text. The picture has one size whatever is drawn, so that
nothing moves under the mouse.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fiftyone.operators import types

from curate.browse import fields
from curate.browse.deciding import Desk, Shown
from curate.browse.sketch import Sketcher
from curate.browse.state import Judged
from curate.errors import UserError
from curate.run import load_run
from curate.visible import clip, visible

#: The form's only value.
LABEL = "label"
#: Findings that are listed; the worst come first.
MOST = 8
#: Characters of the label that a finding quotes.
_QUOTED = 60
_MARKS = {"error": "◆", "warning": "▲", "info": "●"}
_SKETCHER = Sketcher()
_NOTHING = "Select samples first (the box in a tile's corner), or open one."


def text_of(ctx: Any, desk: Desk, sample: Shown) -> str:
    """What stands in the form: what was typed; before that the decided label, the proposal, or the label itself."""
    typed = ctx.params.get(LABEL)
    if typed is not None:
        return str(typed)
    decided = ctx.dataset[sample.id][fields.DECIDED_LABEL]
    return decided or desk.proposed(sample) or sample.label


def edit_form(ctx: Any, desk: Desk, samples: Sequence[Shown]) -> types.Property:
    """The form for samples, which have one label in common."""
    inputs = types.Object()
    title = "Edit label" if len(samples) < 2 else f"Edit the label of {len(samples):,} samples"
    prompt = types.PromptView(label=title, submit_button_label="Save label")
    problem = _problem(samples)
    if problem is None:
        try:
            _fill(inputs, ctx, desk, samples[0])
        except (UserError, OSError) as error:
            problem = str(error)
    if problem is not None:
        inputs = types.Object()
        inputs.view("problem", types.Error(label=problem)).invalid = True
    return types.Property(inputs, view=prompt)


def _problem(samples: Sequence[Shown]) -> str | None:
    if not samples:
        return _NOTHING
    if len({sample.label for sample in samples}) > 1:
        return "An edit gives all samples one label, and these have different ones: edit one at a time."
    return None


def _fill(inputs: types.Object, ctx: Any, desk: Desk, sample: Shown) -> None:
    text = text_of(ctx, desk, sample)
    field = inputs.str(LABEL, default=text, label="Label", view=types.TextFieldView(multiline=True, rows=3))
    if not text.strip():
        field.invalid, field.error_message = True, "Empty: reject the sample instead"
    elif text == sample.label:
        field.invalid, field.error_message = True, "The label as it is: accept it instead"
    look = desk.look(text, sample.sample_id)
    inputs.md(f"![photo and label, drawn]({_picture(ctx, desk, sample, look)})", name="card")
    inputs.md(findings_text(look), name="findings")
    inputs.md(f"Label as it was read: {_code(sample.label)}", name="as_read")


def _picture(ctx: Any, desk: Desk, sample: Shown, look: Judged) -> str:
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


def findings_text(look: Judged) -> str:
    """What the rules say of a label, as markdown."""
    score = "" if look.score is None else f" · score {look.score:.2f}"
    if not look.findings:
        return f"**✓ nothing found**{score}"
    counted = Counter(found.severity for found in look.findings)
    heads = [
        f"{_MARKS[name]} {counted[name]} {name}{'s' * (counted[name] > 1 and name != 'info')}"
        for name in _MARKS
        if counted[name]
    ]
    ranked = sorted(look.findings, key=lambda found: fields.SEVERITIES.index(found.severity))
    lines = [f"**{' · '.join(heads)}**{score}", ""]
    for found in ranked[:MOST]:
        quoted = ""
        if found.start is not None and found.end is not None:
            quoted = ": " + _code(look.label[found.start : found.end]) if found.end > found.start else ""
        lines.append(f"- {_MARKS[found.severity]} **{found.rule}** {found.name} — {_escape(found.message)}{quoted}")
    if len(ranked) > MOST:
        lines.append(f"- … and {len(ranked) - MOST} more")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Data as a code span: shown as it is, with what can't be seen made visible."""
    shown = visible(clip(text, _QUOTED * 4))
    fence = "`" * (max((len(run) for run in shown.split() if set(run) == {"`"}), default=0) + 1)
    while fence in shown:
        fence += "`"
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def _escape(text: str) -> str:
    """A rule's message, which may quote data, so that markdown takes none of it for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$" else c for c in visible(text))
