"""The command `finetune merge`: its options and output. `finetune.merge.merging` does the work."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say


@click.command(
    name="merge",
    epilog="""
\b
merged_16bit  the adapter added to the base's 16-bit weights; vLLM and transformers load it
merged_4bit   added to the 4-bit weights and rounded again: smallest, loses some of the training
gguf          merged_16bit, then llama.cpp's converter: one file for the language model, one for
              the vision encoder. Needs llama.cpp in --llama-cpp, $LLAMA_CPP or ./llama.cpp

\b
ADAPTER is a folder that `finetune train` wrote, or an id on the hub. The command checks what it
needs before it loads the model: the base's 16-bit weights (if the base was trained in 4 bits,
they may not be on this machine yet), disk space, and llama.cpp. It installs nothing. The folder
is either complete or absent.

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
@click.option("--quantization", metavar="Q", help="For gguf: q4_k_m, q5_k_m, q8_0, f16, … [default: q4_k_m].")
@click.option(
    "--llama-cpp",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder with a build of llama.cpp, for gguf.",
)
@click.option("--dry-run", is_flag=True, help="Show what the merge needs; write nothing.")
def merge(
    adapter: str, out: Path, method: str, quantization: str | None, llama_cpp: Path | None, dry_run: bool
) -> None:
    """Merge an adapter and its base into one model."""
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
