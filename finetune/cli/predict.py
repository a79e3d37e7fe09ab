"""The command `finetune predict`: its options and output. `finetune.predict` does the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say

if TYPE_CHECKING:
    from finetune.predict.engines import Answerer, Asking
    from finetune.predict.job import Predicted
    from finetune.predict.locate import Located
    from finetune.predict.questions import Questions
    from finetune.settings.config import DataConfig

_SHOWN = 5


@click.command(
    name="predict",
    epilog="""
\b
MODEL is an adapter that `finetune train` wrote, a merged model or a base model, each a
folder or an id on the hub. DATASET is a folder that `curate export` wrote, a file or
folder that `curate audit` reads (including conversations), or an id on the hub.

\b
A row of PRED.jsonl holds sample_id, gt, pred, image (if it is a file), seconds (the batch's
time divided by its rows), score (mean log-probability of the tokens, the end included),
and runaway: true if the answer was cut at --max-new-tokens. A row whose image can't be opened
is left out, and counted; run the command again to add it once the image is mended.

\b
If the command is stopped, even by `kill -9`, run it again to continue. Existing rows are kept
if model, data, prompt and settings are the same (PRED.jsonl.run.json records them). The same
model, data, settings and machine give the same answers. A different batch size can change the
last bits of a sum and so, rarely, a token.

\b
A batch ends when 90 % of its answers are complete; the others are asked again, together.
--dry-run prints how many images there are, how they would be asked, and how long 25,000 take
at least.

\b
--locate is for pages: the model is asked where the formulas are, each one is cut out and read,
and pred has all formulas of a page (docs/locating.md).

\b
--server asks vLLM, SGLang, llama.cpp, Ollama or a hosted API, and needs no GPU. Of the extras it
needs only [hub] (pip install 'texsieve[hub]'), which reads the data set. The key is read from
TEXSIEVE_API_KEY or OPENAI_API_KEY. There is a score if the server returns log-probabilities.
docs/serving.md says how to serve a merged model, and what can go wrong.

\b
Examples:
  finetune predict unsloth/Qwen2.5-VL-3B-Instruct dataset --out base.jsonl
  finetune predict runs/finetune/best dataset --out tuned.jsonl
  finetune predict runs/finetune/best dataset --limit 50 --save-images seen --out look.jsonl
  finetune predict merged dataset --server http://localhost:8000/v1 --out served.jsonl
  finetune compare base.jsonl tuned.jsonl --out report.html
""",
)
@click.argument("model", metavar="MODEL")
@click.argument("dataset", metavar="DATASET")
@click.option("--out", type=click.Path(path_type=Path), metavar="PRED.jsonl", required=True, help="The file to write.")
@click.option(
    "--server", metavar="URL", help="Server with OpenAI's chat completions API; MODEL is its name for the model."
)
@click.option("--split", default="test", show_default=True, metavar="NAME", help="The split to predict.")
@click.option("--images", metavar="DIR", help="Folder with the images [default: next to the data].")
@click.option("--columns", metavar="label:tex,…", help="Which columns to read [default: recognised by name].")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the split's first N rows.")
@click.option("--prompt", metavar="TEXT", help="The prompt [default: the one that the model was trained with].")
@click.option("--batch-size", type=click.IntRange(min=1), metavar="N",
              help="Images at a time, halved if memory runs out [default: 32 at first, then doubled each time "
              "while memory allows]. With --server: requests at a time [default: 8].")  # fmt: skip
@click.option("--max-new-tokens", type=click.IntRange(min=1), metavar="N",
              help="Longest answer, in tokens [default: 1.5 × the longest training label; else 512].")  # fmt: skip
@click.option("--max-pixels", type=click.IntRange(min=28 * 28), metavar="N",
              help="Scale larger images down to N pixels [default: as trained].")  # fmt: skip
@click.option("--4bit/--16bit", "load_in_4bit", default=None,
              help="Load the weights in 4 or 16 bits [default: as trained; 4 bits for a base model].")  # fmt: skip
@click.option("--dtype", type=click.Choice(["auto", "bfloat16", "float16", "float32"]),
              help="Data type of the calculation [default: as trained; else auto].")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(0, 100), default=0.0, metavar="T",
              help="Above 0, tokens are sampled; at 0, the likeliest is taken [default: 0].")  # fmt: skip
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of the sampling [default: 0].")
@click.option("--save-images", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Write the images as the model sees them, for `finetune compare`.")  # fmt: skip
@click.option("--locate", is_flag=True, help="The images are pages: find and read their formulas.")
@click.option("--coordinates", type=click.Choice(["pixels", "thousandths"]),
              help="Unit of the model's boxes, with --locate [default: by the model's name].")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Ask nothing; print what would be asked, and how long it takes at least.")
def predict(
    model: str,
    dataset: str,
    out: Path,
    server: str | None,
    split: str,
    images: str | None,
    columns: str | None,
    limit: int | None,
    prompt: str | None,
    batch_size: int | None,
    max_new_tokens: int | None,
    max_pixels: int | None,
    load_in_4bit: bool | None,
    dtype: Any,
    temperature: float,
    seed: int,
    save_images: Path | None,
    locate: bool,
    coordinates: Any,
    dry_run: bool,
) -> None:
    """Let a model read the images of a data set."""
    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out is a file, such as {out / 'pred.jsonl'}")
    if prompt is not None and not prompt.strip():
        raise UserError("--prompt is empty; give the text to ask the model")
    if coordinates is not None and not locate:
        raise UserError("--coordinates needs --locate; give both, or neither")
    asker, trained, limit_of_answers = asker_of(model, server, load_in_4bit, dtype, max_pixels, asked=not dry_run)
    from finetune.data.pairs import read_pairs
    from finetune.models.families import coordinates_of, min_side_of
    from finetune.predict.engines import Asking
    from finetune.predict.job import data_facts, predict_file
    from finetune.predict.locate import predict_pages
    from finetune.predict.questions import Questions

    pairs = read_pairs(dataset, split, images, columns)
    questions = Questions(
        pairs.rows,
        resize=trained.resize,
        min_side=min_side_of(asker.base),
        name_from=out.parent,
        save_to=save_images,
        max_pixels=asker.max_pixels,
        limit=limit,
    )
    asking = Asking(batch_size, max_new_tokens or limit_of_answers, temperature, seed)
    if dry_run:
        for line in pairs.told():
            say(f"data      {line}")
        say_planned(asker, questions, asking)
        return
    data = data_facts(dataset, split, questions, trained.resize)
    words = prompt or trained.prompt
    try:
        with Bars() as bars:
            if locate:
                originals = Questions(pairs.rows, resize="none", limit=limit)
                found = predict_pages(
                    asker, questions, originals, data, words, out, asking, progress=bars, resize=trained.resize,
                    coordinates=coordinates or coordinates_of(asker.base), max_pixels=asker.max_pixels,
                )  # fmt: skip
                made = replace(found.read, path=out)
            else:
                made = predict_file(asker, questions, data, words, out, asking, progress=bars)
    except KeyboardInterrupt:
        click.echo(f"finetune: the answers so far are in {out}; run the same command to continue", err=True)
        raise
    for line in pairs.told():
        say(f"data      {line}")
    if locate:
        say_located(found)
    say_predicted(made, questions.imageless, asking.max_new_tokens)


def say_located(found: Located) -> None:
    """Print the results for the boxes on pages."""
    from curate.base.tables import count, things

    say(f"located   {things(found.boxes, 'formula')} on {things(found.pages, 'page')}")
    for reason, number in sorted(found.left_out.items()):
        say(f"left out  {count(number)} {'box' if number == 1 else 'boxes'}: {reason}")
    if found.whole:
        say(f"note      {things(found.whole, 'page')} without a usable box: read as a whole")


def asker_of(
    model: str,
    server: str | None,
    load_in_4bit: bool | None,
    dtype: Any,
    max_pixels: int | None,
    *,
    asked: bool = True,
) -> tuple[Answerer, DataConfig, int]:
    """The asker of a model, on this machine or behind a server; the data settings (those of its training, or the
    defaults); and how many tokens an answer may have.

    asked: whether it will be asked at all. Raises UserError if it will and there is no GPU to load it on, and for
    settings that only the server has.
    """
    from finetune.predict.job import Asker, answer_limit
    from finetune.settings.config import Config

    if server is not None:
        from finetune.predict.served import ServedAsker

        for option, value in (("--4bit/--16bit", load_in_4bit), ("--dtype", dtype), ("--max-pixels", max_pixels)):
            if value is not None:
                raise UserError(f"{option} is a setting of the server; leave it out with --server")
        return ServedAsker(server, model), Config().data, answer_limit(None)
    from finetune.models.facts import check_model, model_facts
    from finetune.models.load import require_device

    check_model(model)
    facts = model_facts(model)
    asker = Asker.of(facts, load_in_4bit=load_in_4bit, dtype=dtype, max_pixels=max_pixels)
    if asked:
        require_device(asker.model)
    return asker, (facts.config or Config()).data, answer_limit(facts.answer_tokens)


def say_planned(asker: Answerer, questions: Questions, asking: Asking) -> None:
    """Print what a prediction would ask, and how long it would take at least."""
    from curate.base.tables import count, things
    from finetune.models.facts import layers
    from finetune.predict.engines import FIRST_BATCH, LARGEST_BATCH
    from finetune.predict.estimate import MANY, least_hours
    from finetune.predict.job import Asker
    from rules.latex import lexer

    say(f"images    {count(len(questions))}, {count(questions.imageless)} rows without one left out")
    say(f"answers   at most {things(asking.max_new_tokens, 'token')} (--max-new-tokens)")
    if not isinstance(asker, Asker):
        from finetune.predict.served import AT_A_TIME

        say(f"requests  {asking.batch_size or AT_A_TIME} at a time (--batch-size); the time depends on the server")
        return
    first, most = (asking.batch_size,) * 2 if asking.batch_size else (FIRST_BATCH, LARGEST_BATCH)
    say(f"batches   {first} images at first, at most {most} if memory allows (--batch-size)")
    deep = layers(asker.facts.base)
    lengths = [min(len(lexer.tokens(label)) + 1, asking.max_new_tokens) for _, label in questions.rows]
    if deep is None or not lengths:
        say(f"time      unknown: the config.json of {asker.facts.base} is not available")
        return
    slow, fast = (least_hours(MANY, lengths, deep, size) for size in (first, most))
    span = f"{slow:.2f} h" if slow == fast else f"{fast:.2f} to {slow:.2f} h"
    say(
        f"time      {count(MANY)} images take at least {span}, for launching the kernels of {deep} layers alone, with "
        "answers as long as the labels; `--limit 200` measures the real time"
    )


def unopened_text(unopened: Mapping[str, str]) -> str:
    """How many images can't be opened, and what to do."""
    from curate.base.tables import things
    from curate.base.visible import clip, visible

    first, why = next(iter(unopened.items()))
    return (
        f"{things(len(unopened), 'row')} whose image can't be opened, the first {clip(visible(first), 60)}: "
        f"{clip(visible(why), 120)}; once it can, the same command adds them"
    )


def say_predicted(made: Predicted, imageless: int, max_new_tokens: int) -> None:
    """Print the results of a prediction."""
    from curate.base.tables import count, things
    from curate.base.visible import clip, visible
    from finetune.predict.estimate import MANY

    earlier = f", {count(made.rows - made.new)} of them before" if made.rows > made.new else ""
    pace = ""
    if made.new:
        each = made.seconds / made.new
        pace = f", {each:.2f} s each ({count(MANY)} take {each * MANY / 3600:.1f} h)"
    say(f"predicted {things(made.rows, 'formula')}{earlier}{pace}")
    for line in made.notes:
        say(f"note      {line}")
    if imageless:
        say(f"left out  {things(imageless, 'row')} without an image")
    if made.unopened:
        say(f"left out  {unopened_text(made.unopened)}")
    if made.runaways:
        names = ", ".join(clip(visible(name), 60) for name in made.runaways[:_SHOWN])
        more = f" and {count(len(made.runaways) - _SHOWN)} more" if len(made.runaways) > _SHOWN else ""
        say(
            f"runaway   {things(len(made.runaways), 'answer')} cut at {count(max_new_tokens)} tokens: {names}{more}. "
            "Either the formula is longer (--max-new-tokens), or the model repeats itself"
        )
    say(f"written   {made.path}")
