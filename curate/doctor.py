"""Checks this machine: what works, what is missing and how to get it. Changes nothing.

Nothing heavy is imported: an extra is looked up on the path, a GPU through `nvidia-smi`. Only the core and the
renderer are really used, because every other command depends on them.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from curate.base.extras import install, is_there
from rules.workers.cores import VARIABLE, cores

State = Literal["ok", "warn", "missing"]

#: Distribution and module of what the core needs.
CORE = (
    ("polars", "polars"),
    ("pylatexenc", "pylatexenc"),
    ("pillow", "PIL"),
    ("click", "click"),
    ("math-core", "math_core"),
    ("mathra", "mathra"),
    ("resvg-py", "resvg_py"),
    ("httpx", "httpx"),
    ("pyarrow", "pyarrow"),
    ("rapidfuzz", "rapidfuzz"),
    ("jinja2", "jinja2"),
    ("numpy", "numpy"),
    ("pyyaml", "yaml"),
)
_DEV = ("pytest", "xdist", "hypothesis", "ruff", "mypy", "playwright", "pre_commit", "jsonschema")
#: Extra, its modules, and what it is for.
EXTRAS = (
    ("hub", ("datasets", "huggingface_hub"), "the Hugging Face hub, and data sets in `finetune`"),
    ("browse", ("fiftyone",), "curate browse"),
    ("finetune", ("unsloth", "torch", "torchvision"), "finetune train, predict, prompts and merge"),
    ("ray", ("ray",), "curate audit --engine ray"),
    ("docs", ("sphinx", "furo", "myst_parser"), "`make docs` and `make site`"),
    ("dev", _DEV, "work on texsieve itself"),
)
_FREE_DISK = 2 * 10**9
_FREE_DISK_FINETUNE = 20 * 10**9
_ENOUGH_MEMORY = 2 * 10**9


@dataclass(frozen=True)
class Check:
    """The result of one check; `remedy` is empty if there is nothing to do, `optional`: the core works without."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    optional: bool = False


def checks() -> list[Check]:
    """All results about this machine, the most needed first. Never raises."""
    asked: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("core packages", _core),
        ("renderer", _renderer),
        ("Chinese font", _chinese_font),
        ("temporary folder", _temporary_folder),
        ("free disk", _disk),
        ("processor cores", _cores),
        ("memory", _memory),
        ("cache folder", _cache_folder),
        *((f"extra [{extra[0]}]", partial(_extra, *extra)) for extra in EXTRAS),
        ("other packages", _plugins),
        ("mongod", _mongod),
        ("App's port", _port),
        ("GPU", _gpu),
        ("LaTeX", _latex),
    ]
    found = []
    for name, ask in asked:
        try:
            found.append(ask())
        except Exception as error:  # a failing check must not end the others
            found.append(Check(name, "warn", f"could not be checked: {type(error).__name__}: {error}"))
    return found


def is_fit(found: Iterable[Check]) -> bool:
    """Whether everything that texsieve's core needs is there."""
    return all(check.state != "missing" or check.optional for check in found)


def lines(found: Iterable[Check]) -> list[str]:
    """The checks as lines of text: state, name, detail, and below them what to do."""
    found = list(found)
    width = max((len(check.name) for check in found), default=0)
    out = []
    for check in found:
        state = "-" if check.state == "missing" and check.optional else check.state
        out.append(f"{state:<8}{check.name:<{width}}  {check.detail}")
        if check.remedy:
            out.append(f"{'':<8}{'':<{width}}  → {check.remedy}")
    needed = [check.name for check in found if check.state == "missing" and not check.optional]
    out.append(f"Not fit to run: {', '.join(needed)}." if needed else "Fit to run. A dash marks what is optional.")
    return out


def _python() -> Check:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("Python", "ok", detail)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _core() -> Check:
    absent = [distribution for distribution, module in CORE if not is_there(module)]
    if absent:
        return Check("core packages", "missing", f"not installed: {', '.join(absent)}", "pip install texsieve")
    named = ", ".join(f"{distribution} {_version(distribution) or '?'}" for distribution, _ in CORE)
    return Check(
        "core packages", "ok", f"texsieve {_version('texsieve') or '(not installed, run from source)'}; {named}"
    )


def _renderer() -> Check:
    try:  # imported here, so that a broken installation becomes a line of the report instead of its end
        from curate.render import render_png

        png = render_png(r"\frac{-b \pm \sqrt{b^2 - 4ac}}{2a}")
    except Exception as error:
        return Check("renderer", "missing", f"can't draw a formula: {error}", "pip install 'mathra>=1.5,<1.6' resvg-py")
    return Check("renderer", "ok", f"draws a formula ({len(png):,} bytes of PNG), without TeX or network")


def _chinese_font() -> Check:
    from curate.render.glyphs import FONTS_VARIABLE, font_for

    font = font_for("解")
    if font is not None:
        return Check("Chinese font", "ok", f"{font[1]} ({font[0]})", optional=True)
    if sys.platform.startswith("linux"):
        remedy = "apt-get install fonts-noto-cjk (or fonts-wqy-microhei, 2 MB)"
    else:
        remedy = "install Noto Sans CJK (https://github.com/notofonts/noto-cjk)"
    detail = "none: Chinese characters are drawn as empty boxes"
    return Check("Chinese font", "warn", detail, f"{remedy}, or name a font file in {FONTS_VARIABLE}", optional=True)


def _temporary_folder() -> Check:
    folder = tempfile.gettempdir()
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return Check(
            "temporary folder", "missing", f"{folder}: {error.strerror}", "set TMPDIR to a folder you may write to"
        )
    return Check("temporary folder", "ok", folder)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{_giga(free)} here ({Path.cwd()})"
    if free < _FREE_DISK:
        return Check("free disk", "warn", detail, "free some: pictures and reports of a large set take gigabytes")
    if free < _FREE_DISK_FINETUNE:
        return Check("free disk", "ok", f"{detail}; fine-tuning wants {_giga(_FREE_DISK_FINETUNE)}")
    return Check("free disk", "ok", detail)


def _cores() -> Check:
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isdecimal() and int(given) > 0):
        return Check(
            "processor cores",
            "warn",
            f"{VARIABLE}={given}is ignored",
            "set it to a number from 1 on",
        )
    return Check("processor cores", "ok", f"{cores()}{f' ({VARIABLE})' if given else ''}")


def _memory() -> Check:
    total = _memory_limit()
    if total is None:
        return Check("memory", "ok", "unknown on this system")
    if total < _ENOUGH_MEMORY:
        return Check("memory", "warn", _giga(total), "audit large sets in parts (--limit), or on a larger machine")
    return Check("memory", "ok", _giga(total))


def _memory_limit() -> int | None:
    """What this process may use: the machine's memory, or less in a container."""
    amounts: list[int] = []
    with suppress(AttributeError, ValueError, OSError):
        amounts.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            amounts.append(int(Path(limit).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return min(amounts, default=None)


def _extra(name: str, modules: tuple[str, ...], purpose: str) -> Check:
    absent = [module for module in modules if not is_there(module)]
    title = f"extra [{name}]"
    if absent:
        detail = f"for {purpose}: {', '.join(absent)} not installed"
        return Check(title, "missing", detail, install(name), optional=True)
    known = {"xdist": "pytest-xdist"}
    named = ", ".join(f"{module} {_version(known.get(module, module)) or '?'}" for module in modules)
    return Check(title, "ok", f"for {purpose}: {named}", optional=True)


def _plugins() -> Check:
    """What other packages add. Loads none of it: a command that needs it says what can't be loaded."""
    from rules import plugins

    brought = [plugin for group in plugins.GROUPS for plugin in plugins.found(group)]
    if not brought:
        return Check(
            "other packages", "ok", "no package adds rules, source formats, metrics or hash packs", optional=True
        )
    named = ", ".join(f"{plugins.GROUPS[plugin.group]} {plugin.name} of {plugin.package}" for plugin in brought)
    # Only the outermost package: to look for a module inside it would import it.
    packages = [plugin.point.module.partition(".")[0] for plugin in brought]
    absent = [package for package in dict.fromkeys(packages) if not is_there(package)]
    if absent:
        remedy = f"install their packages again: the modules {', '.join(absent)} are not there"
        return Check("other packages", "warn", named, remedy, optional=True)
    return Check("other packages", "ok", named, optional=True)


def _cache_folder() -> Check:
    from curate.archives import cache
    from curate.base.cache_folder import cache_folder
    from curate.base.tables import size

    folder = cache_folder().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        detail = f"{folder}: {error.strerror}; curate browse keeps its database there, audits measures of images"
        return Check("cache folder", "warn", detail, "name a folder you may write to in TEXSIEVE_CACHE", optional=True)
    unpacked = cache.kept()
    held = f"; {size(unpacked)} of unpacked archives, which can be deleted" if unpacked else ""
    return Check("cache folder", "ok", f"{folder}{held}", optional=True)


#: What it means that there is none.
_WITHOUT_MONGOD = "without it, `curate browse` has only its page (--no-app), and all other commands work"


def _mongod() -> Check:
    from curate.base.errors import UserError
    from curate.browse.process.mongod import HOW_TO_GET, URI_VARIABLE, find_mongod, version

    if os.environ.get(URI_VARIABLE):
        return Check("mongod", "ok", f"not needed: {URI_VARIABLE} names a database", optional=True)
    if not is_there("fiftyone"):
        detail = f"FiftyOne's database program, checked once FiftyOne is installed; {_WITHOUT_MONGOD}"
        return Check("mongod", "missing", detail, install("browse"), optional=True)
    try:
        found = find_mongod()
        if found is None:
            detail = f"FiftyOne's database program is missing; {_WITHOUT_MONGOD}"
            return Check("mongod", "missing", detail, HOW_TO_GET, optional=True)
        return Check("mongod", "ok", f"{version(found)} ({found})", optional=True)
    except UserError as error:
        detail, _, remedy = str(error).partition("; ")
        return Check("mongod", "missing", f"{detail}; {_WITHOUT_MONGOD}", remedy or HOW_TO_GET, optional=True)


def _port() -> Check:
    from curate.browse.process.mongod import PORT

    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", PORT))
        except OSError as error:
            detail = f"port {PORT} can't be opened ({error.strerror}): curate browse takes a free one"
            return Check("App's port", "ok", detail, optional=True)
    return Check("App's port", "ok", f"{PORT} is free", optional=True)


def _gpu() -> Check:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        if sys.platform == "darwin" and platform.machine() == "arm64":
            detail = "Apple GPU; fine-tuning with Unsloth needs one by NVIDIA, AMD or Intel"
        else:
            detail = "none found (no nvidia-smi)"
        remedy = "only `finetune train`, `predict`, `prompts` and `merge` need one: run them on a machine that has it"
        return Check("GPU", "missing", detail, remedy, optional=True)
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(
            "GPU", "warn", f"nvidia-smi does not answer: {error}", "check the driver: nvidia-smi", optional=True
        )
    if done.returncode or not done.stdout.strip():
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        return Check("GPU", "warn", f"nvidia-smi: {said[0]}", "check the driver: nvidia-smi", optional=True)
    return Check("GPU", "ok", "; ".join(done.stdout.strip().splitlines()), optional=True)


def _latex() -> Check:
    tool = next(filter(None, map(shutil.which, ("pdflatex", "xelatex", "lualatex"))), None)
    if tool is None:
        remedy = "not needed; to install it: apt-get install texlive-latex-extra"
        return Check("LaTeX", "missing", "none: rules judge by themselves, mathra draws", remedy, optional=True)
    return Check("LaTeX", "ok", tool, optional=True)


def _giga(amount: int) -> str:
    return f"{amount / 10**9:.1f} GB"
