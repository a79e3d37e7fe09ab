"""The command `finetune merge`: what it takes and prints. The work is done in `finetune.merge.merging`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say


@click.command(
    name="merge",
    epilog="""
\b
merged_16bit  the adapter added to the base's 16-bit weights; what vLLM and transformers load
merged_4bit   added to the 4-bit weights and rounded again: smallest, loses some of the training
gguf          merged_16bit, then llama.cpp's converter: a file for the language model, one for
              the vision encoder. llama.cpp must be there: --llama-cpp, $LLAMA_CPP, ./llama.cpp

\b
ADAPTER is a folder that `finetune train` wrote, or an id on the hub. What a merge needs is
looked for, and said, before the model is loaded: the base's 16-bit weights (of a base that was
trained in 4 bits they may not be on this machine yet), disk, and llama.cpp.
Nothing is installed. The folder is complete or it isn't there.

\b
Examples:
  finetune merge runs/finetune/best --out merged
  finetune merge runs/finetune/best --out small --method merged_4bit
  finetune merge runs/finetune/best --out gguf --method gguf --quantization q8_0
""",
)
@click.argument("adapter", metavar="ADAPTER")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", required=True, help="The folder to write.")
@click.option(
    "--method",
    type=click.Choice(["merged_16bit", "merged_4bit", "gguf"]),
    default="merged_16bit",
    show_default=True,
    help="What to make.",
)
@click.option("--quantization", metavar="Q", help="Of gguf: q4_k_m, q5_k_m, q8_0, f16, … [default: q4_k_m].")
@click.option(
    "--llama-cpp", type=click.Path(path_type=Path), metavar="DIR", help="Where llama.cpp is, built, for gguf."
)
@click.option("--dry-run", is_flag=True, help="Say what the merge needs; write nothing.")
def merge(
    adapter: str, out: Path, method: str, quantization: str | None, llama_cpp: Path | None, dry_run: bool
) -> None:
    """Make one model of an adapter and its base."""
    from finetune.merge import merging

    if method != "gguf" and (quantization or llama_cpp):
        raise UserError("--quantization and --llama-cpp are for --method gguf")
    quantization = quantization.lower() if quantization else None
    plan = merging.plan_merge(adapter, out, method, quantization=quantization, llama_cpp=llama_cpp)
    for line in plan.needs():
        say(f"needs     {line}")
    if dry_run:
        return
    from finetune.models.load import require_device
    from finetune.settings.config import Config

    require_device((plan.adapter.config or Config()).model)
    with Bars() as bars:
        merging.merge(plan, progress=bars)
    say(f"merged    {out}")
