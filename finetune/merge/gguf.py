"""Turns a merged model into GGUF files with llama.cpp's own tools. Downloads, builds and installs nothing.

Unsloth's own export downloads llama.cpp and installs build tools with the system's package manager while it runs. Here
the tools must exist before, so that a merge doesn't fail after an hour and doesn't change the machine. A
vision-language model becomes two files: the language model and `mmproj`, the vision encoder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.base.errors import UserError

#: The converter writes these itself; all others need llama-quantize.
CONVERTED = ("f16", "bf16", "f32", "q8_0")
DEFAULT = "q4_k_m"
#: The types that llama-quantize makes without an importance matrix, which would have to be measured first.
QUANTIZED = (
    "q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_0", "q4_1", "q4_k_s", "q4_k_m", "q5_0", "q5_1", "q5_k_s", "q5_k_m",
    "q6_k", "iq4_nl", "iq4_xs",
)  # fmt: skip
#: For the vision encoder: Qwen2.5-VL's values exceed the range of float16 (llama.cpp issue 17534), but not of bfloat16.
VISION = "bf16"
#: The folders in which a build of llama.cpp puts its programs.
_BINARIES = ("", "build/bin", "bin", "build/bin/Release")
_VARIABLE = "LLAMA_CPP"
HOW = (
    "git clone https://github.com/ggml-org/llama.cpp && cmake -S llama.cpp -B llama.cpp/build && "
    "cmake --build llama.cpp/build --target llama-quantize -j && pip install gguf"
)


@dataclass(frozen=True)
class LlamaCpp:
    """The parts of llama.cpp in use: its folder, the converter, and the quantizer if one is needed."""

    folder: Path
    converter: Path
    quantizer: Path | None


def find_llama_cpp(folder: Path | None = None, quantization: str | None = None) -> LlamaCpp:
    """llama.cpp in `folder`, or else in $LLAMA_CPP, ./llama.cpp or ~/.unsloth/llama.cpp.

    Raises UserError with the commands to get it if it is missing, or if it lacks what `quantization` needs.
    """
    quantization = quantization or DEFAULT
    if quantization not in (*CONVERTED, *QUANTIZED):
        raise UserError(f"--quantization {quantization}: must be one of {', '.join((*CONVERTED, *QUANTIZED))}")
    named = folder or (Path(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None)
    places = [named] if named else [Path("llama.cpp"), Path.home() / ".unsloth" / "llama.cpp"]
    found = next((place for place in places if (place / "convert_hf_to_gguf.py").is_file()), None)
    if found is None:
        raise UserError(
            "gguf needs llama.cpp, with git, cmake and a C++ compiler to build it, and 1 GB of disk space; its "
            f"converter is not in {' or '.join(str(place) for place in places)}. To get it: {HOW}. Then name its "
            f"folder with --llama-cpp or ${_VARIABLE}"
        )
    quantizer = None
    if quantization not in CONVERTED:
        quantizer = _program(found, "llama-quantize")
        if quantizer is None:
            raise UserError(
                f"{found}: {quantization} needs llama-quantize, which isn't built there: "
                f"cmake -S {found} -B {found}/build && cmake --build {found}/build --target llama-quantize -j; "
                "or use --quantization q8_0"
            )
    return LlamaCpp(found, found / "convert_hf_to_gguf.py", quantizer)


def convert(
    tools: LlamaCpp,
    merged: Path,
    out: Path,
    quantization: str | None = None,
    *,
    progress: Callable[[str, int, int], None] = lambda stage, done, of: None,
) -> list[Path]:
    """Write `merged`, the folder of a 16-bit model, as GGUF files to the folder `out`. Returns the files.

    The vision encoder stays in 16 bits (`VISION`): it is small, and reading depends on it. Raises UserError with the
    last output of a tool that fails.
    """
    quantization = quantization or DEFAULT
    direct = quantization if quantization in CONVERTED else "f16"
    first = out / f"model-{direct}.gguf"
    vision = out / f"mmproj-model-{VISION}.gguf"
    python = [sys.executable, str(tools.converter), str(merged)]
    steps: list[Sequence[str]] = [
        [*python, "--outfile", str(first), "--outtype", direct],
        [*python, "--mmproj", "--outfile", str(vision), "--outtype", VISION],
    ]
    made = first
    if direct != quantization:
        made = out / f"model-{quantization}.gguf"
        steps.append([str(tools.quantizer), str(first), str(made), quantization.upper()])
    for at, step in enumerate(steps):
        progress("gguf", at, len(steps))
        _run(step)
    progress("gguf", len(steps), len(steps))
    if made != first:
        first.unlink()
    seeing = sorted(out.glob("*mmproj*.gguf"))  # some versions choose the name themselves
    if not made.is_file() or not seeing:
        missing = vision if made.is_file() else made
        raise UserError(f"llama.cpp reported success, but didn't write {missing.name}")
    return [made, *seeing]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        words = [line.strip() for line in [*done.stdout.splitlines(), *done.stderr.splitlines()] if line.strip()]
        tool = Path(command[1] if command[0] == sys.executable else command[0]).name
        raise UserError(f"{tool} failed: {words[-1][:300] if words else 'without a message'}")


def _program(folder: Path, name: str) -> Path | None:
    for place in _BINARIES:
        for ending in ("", ".exe"):
            path = folder / place / f"{name}{ending}"
            if path.is_file() and os.access(path, os.X_OK):
                return path
    found = shutil.which(name)
    return Path(found) if found else None
