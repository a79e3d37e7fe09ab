"""The command `finetune prompts`: asks a model with each prompt, scores the answers, writes the folder."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curate.base.earlier_results import REPLACED, has_earlier_result
from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.terminal import Bars, say, width
from finetune.cli.predict import asker_of, predict, unopened_text
from rules.workers.cores import cores

if TYPE_CHECKING:
    from curate.predictions.rows import Prediction
    from finetune.compare.prompt_table import Asked, PromptScores
    from finetune.metrics.unwrapping import Unwrapping
    from finetune.settings.prompt_file import Prompt

PROMPTS_FILE, PAGE_FILE = "prompts.json", "prompts.md"
_SAME = (
    *("server", "split", "images", "columns", "limit", "batch_size", "max_new_tokens", "max_pixels", "load_in_4bit"),
    "dtype",
)


@click.command(
    name="prompts",
    params=[one for name in _SAME for one in predict.params if one.name == name],
    epilog="""
\b
MODEL and DATASET are those of `finetune predict`. FILE is YAML, NAME: PROMPT:
    plain: Write the LaTeX code of the formula in this image.
    short: LaTeX?
or the name of a file that comes with texsieve: `styles` has plain prompts, document parsing
(HTML, Markdown) and grounding (boxes in JSON).

\b
Anything around a formula (fences, dollars, JSON, HTML, a sentence) is removed by fixed rules
(docs/prompts.md). The table has the scores after that, and the headline metric before it. The
other prompts are compared with the first one (p: McNemar's exact test). For a model from
`finetune train`, that is the prompt of its training, `trained`, unless FILE has it.

\b
--out writes prompts.json, prompts.md, and for each prompt the raw answers (NAME.jsonl) and the
unwrapped ones (NAME.unwrapped.jsonl, with any boxes), which `finetune evaluate` and `compare` read. If the
command is stopped, run it again to continue.

\b
Examples:
  finetune prompts unsloth/Qwen2.5-VL-3B-Instruct dataset --prompts styles --limit 200
  finetune prompts runs/finetune/best dataset --prompts mine.yaml --out prompts
""",
)
@click.argument("model", metavar="MODEL")
@click.argument("dataset", metavar="DATASET")
@click.option("--prompts", "prompt_file", metavar="FILE", default="styles", show_default=True, help="The prompts.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="Folder for the answers.")
@click.option("--cdm/--no-cdm", default=True, show_default=True, help="Draw the pairs that look different, for cdm.")
def prompts(
    model: str,
    dataset: str,
    prompt_file: str,
    out: Path | None,
    cdm: bool,
    server: str | None,
    split: str,
    images: str | None,
    columns: str | None,
    limit: int | None,
    batch_size: int | None,
    max_new_tokens: int | None,
    max_pixels: int | None,
    load_in_4bit: bool | None,
    dtype: Any,
) -> None:
    """Ask a model with several prompts, and compare the answers."""
    from finetune.models.families import coordinates_of, min_side_of
    from finetune.settings.prompt_file import Prompt, read_prompts

    replaced = REPLACED if out is not None and _has_scores(out) else ""
    asked = read_prompts(prompt_file, coordinates_of(model))
    asker, trained, limit_of_answers = asker_of(model, server, load_in_4bit, dtype, max_pixels)
    from curate import __version__
    from finetune.compare.prompt_table import as_json, as_text, score_prompts
    from finetune.data.pairs import read_pairs
    from finetune.predict.engines import Asking
    from finetune.predict.job import Asker, data_facts, predict_file
    from finetune.predict.questions import Questions
    from rules import KEY_VERSION

    was_trained = isinstance(asker, Asker) and asker.facts.config is not None
    if was_trained and all(prompt.text != trained.prompt.strip() for prompt in asked):
        names = {prompt.name.lower() for prompt in asked}
        own = next(name for name in ("trained", "trained-with", "as-it-was-trained") if name not in names)
        asked.insert(0, Prompt(own, trained.prompt.strip()))
    if out is not None:
        check_unwrapped(out, [prompt.name for prompt in asked])
    asking = Asking(batch_size, max_new_tokens or limit_of_answers)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="texsieve-prompts-")))
        pairs = read_pairs(dataset, split, images, columns)
        questions = Questions(
            pairs.rows, resize=trained.resize, min_side=min_side_of(asker.base), name_from=folder, limit=limit
        )
        data = data_facts(dataset, split, questions, trained.resize)
        answers: list[Asked] = []
        notes: dict[str, None] = {}
        with Bars() as bars:
            for prompt in asked:
                path = folder / f"{prompt.name}.jsonl"
                made = predict_file(asker, questions, data, prompt.text, path, asking, progress=_named(bars, prompt))
                notes.update(dict.fromkeys(made.notes))
                unopened = made.unopened
                answers.append(read_answers(prompt, path))
        with Bars() as bars:
            report = partial(bars, "draw")
            found = score_prompts(answers, workers=cores(8), characters=cdm, progress=report)
        said = {"texsieve": __version__, "key_version": KEY_VERSION, "model": asker.identity(), "data": data}
        said |= {"answers": {"max_new_tokens": asking.max_new_tokens, "batch_size": batch_size}, **as_json(found)}
        if out is not None:
            write(out, found, said)
    say(as_text(found, width()))
    for line in pairs.told():
        say(f"data      {line}")
    for line in notes:
        say(f"note      {line}")
    if questions.imageless:
        say(f"left out  {questions.imageless} rows without an image")
    if unopened:
        say(f"left out  {unopened_text(unopened)}")
    if out is not None:
        say(f"\nscores    {out / PROMPTS_FILE}{replaced}\npage      {out / PAGE_FILE}{replaced}")


def _has_scores(out: Path) -> bool:
    """Whether the folder has an earlier result. Raises UserError if something else is in its place."""
    return has_earlier_result("finetune prompts", _is_result, out / PROMPTS_FILE, out / PAGE_FILE)


def _is_result(start: bytes) -> bool:
    return re.match(rb'\s*\{\s*"texsieve"\s*:[^,]*,\s*"key_version"\s*:[^,]*,\s*"model"\s*:', start) is not None


def check_unwrapped(out: Path, names: Sequence[str]) -> None:
    """Raises UserError if a prompt's unwrapped answers would replace anything else than those of an earlier call.

    These are named in prompts.json, or can be made again from the answers beside them.
    """
    try:
        known = {one["name"] for one in json.loads(read_text(out / PROMPTS_FILE))["prompts"]}
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        known = set()
    for name in names:
        is_ours = partial(_are_unwrapped, out, name, name in known)
        has_earlier_result("finetune prompts", is_ours, unwrapped_file(out, name))


def _are_unwrapped(out: Path, name: str, known: bool, _: bytes) -> bool:
    """Whether the file of a prompt's unwrapped answers is of this command. known: prompts.json names the prompt."""
    if known:
        return True
    from curate.predictions.rows import read_predictions
    from finetune.metrics.unwrapping import Unwrapping

    try:
        answers = read_predictions(out / f"{name}.jsonl")
    except UserError:
        return False
    return unwrapped_file(out, name).read_bytes() == unwrapped_text(Unwrapping.of(answers, done=True)).encode()


def unwrapped_file(out: Path, name: str) -> Path:
    """The file with the unwrapped answers to a prompt."""
    return out / f"{name}.unwrapped.jsonl"


def _named(bars: Bars, prompt: Prompt) -> Any:
    """Adds the name of the prompt to the stages: the model is loaded once and asked with every prompt."""
    return lambda stage, done, of: bars(stage if stage == "load" else prompt.name, done, of)


def read_answers(prompt: Prompt, path: Path) -> Asked:
    """The answers in a file that `predict_file` wrote, and how many of them were cut off at the limit."""
    from curate.predictions.rows import read_predictions
    from finetune.compare.prompt_table import Asked

    with path.open(encoding="utf-8") as lines:
        cut = sum(bool(json.loads(line).get("runaway")) for line in lines if '"runaway"' in line)
    return Asked(prompt, read_predictions(path), cut)


def write(out: Path, found: Sequence[PromptScores], said: dict[str, Any]) -> None:
    """Write the scores and the unwrapped answers, each file completely or not at all.

    The scores first: by them, the command knows its other files again if it was stopped between them.
    """
    from curate.base.atomic_files import new_text
    from finetune.compare.prompt_table import as_markdown

    new_text(out / PROMPTS_FILE, json.dumps(said, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    new_text(out / PAGE_FILE, as_markdown(found))
    for one in found:
        new_text(unwrapped_file(out, one.asked.prompt.name), unwrapped_text(one.unwrapping))


def unwrapped_text(unwrapping: Unwrapping) -> str:
    """The file of unwrapped answers: a line for each."""
    return "".join(_line(came, row) for came, row in zip(unwrapping.came, unwrapping.rows, strict=True))


def _line(came: Prediction, row: Prediction) -> str:
    """A row of the unwrapped answers, with the boxes that unwrapping removed, as the model wrote them."""
    from finetune.predict.boxes import boxes_in

    values = {name: getattr(row, name) for name in ("sample_id", "gt", "pred", "image", "seconds", "score")}
    values["boxes"] = (boxes_in(came.pred)[0] if row.pred != came.pred else None) or None
    return json.dumps({name: value for name, value in values.items() if value is not None}, ensure_ascii=False) + "\n"
