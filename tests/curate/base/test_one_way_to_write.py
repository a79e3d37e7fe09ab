"""All code that writes, replaces or removes files uses `atomic_files`, or is listed here with a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: Context managers that yield a temporary path, which replaces the real one when the block ends.
WAYS = {"new_file", "new_folder"}
#: Calls that create, fill, replace or remove something on disk.
WRITES = {"write_text", "write_bytes", "write_parquet", "sink_parquet", "write_csv", "ParquetWriter", "save", "savez"}
MOVES = {
    "rename",
    "replace",
    "rmtree",
    "move",
    "copytree",
    "copy",
    "copy2",
    "copyfile",
    "unlink",
    "link_to",
    "symlink_to",
}


def _places(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(function, call) of every call that changes the disk, except on a path that a block of WAYS yields."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            safe = _safe_names(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (call := _changes(node)) and not _names(node) & safe:
                    yield function.name, call


def _safe_names(function: ast.AST) -> set[str]:
    """Names bound to a temporary path, or to something made from one."""
    safe: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.With):
            for item in node.items:
                if (
                    item.optional_vars is not None
                    and _called(item.context_expr) & WAYS | _names(item.context_expr) & safe
                ):
                    safe |= _names(item.optional_vars)
        elif isinstance(node, ast.Assign) and (_called(node.value) & WAYS or _names(node.value) & safe):
            for target in node.targets:
                safe |= _names(target)
    return safe


def _names(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _called(node: ast.AST) -> set[str]:
    calls = (found.func for found in ast.walk(node) if isinstance(found, ast.Call))
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def _changes(node: ast.Call) -> str | None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in ("open", "fdopen"):
        modes = [arg.value for arg in [*node.args, *(k.value for k in node.keywords)] if isinstance(arg, ast.Constant)]
        return (
            name
            if any(isinstance(mode, str) and set(mode) & set("wax+") and set(mode) <= set("rwaxbt+") for mode in modes)
            else None
        )
    if name in WRITES:
        return name
    if name in MOVES and _is_of_paths(node, name):
        return name
    return None


def _is_of_paths(node: ast.Call, name: str) -> bool:
    """Leaves out `replace` of a string, a date or a dataclass, and `rename` of a frame's columns."""
    if name == "replace":
        return (len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Dict)) or _of_os(node)
    if name == "rename":
        return len(node.args) == 1 and not isinstance(node.args[0], ast.Dict | ast.DictComp | ast.Lambda | ast.BinOp)
    if name in ("copy", "move"):
        return _of_os(node) or (isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "shutil")
    return True


def _of_os(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "os"


def found() -> dict[str, set[str]]:
    """Functions that change the disk, by module, and what they call."""
    out: dict[str, set[str]] = {}
    for path in sorted(path for package in ("rules", "curate", "finetune") for path in (ROOT / package).rglob("*.py")):
        places = {f"{function} {call}" for function, call in _places(ast.parse(path.read_text(encoding="utf-8")))}
        if places:
            out[str(path.relative_to(ROOT))] = places
    return out


#: Functions that may write in another way, grouped by reason.
REASONS: dict[str, dict[str, str]] = {
    "the one place": {
        "curate/base/atomic_files.py": "_discard _rename _swap new_file",
        "curate/base/leftovers.py": "_put_back clear_away clear_files discard",
    },
    "into a folder or file that isn't in its place yet: the caller's new_file or new_folder": {
        "curate/archives/pickles.py": "repack",
        "curate/archives/tars.py": "_copy repack",
        "curate/archives/tree.py": "_make make tree_of",
        "curate/audit/folder.py": "_carry_over _link write",
        "curate/audit/parts.py": "_write remove take",
        "curate/demo/__init__.py": "_draw _write_hme100k _write_im2latex _write_m2e",
        "curate/sources/places/file_text.py": "write_as",
        "curate/sources/places/output.py": "write_as",
        "curate/sources/places/table_file.py": "_write",
        "finetune/merge/gguf.py": "convert",
    },
    "into the folder of an export, which goes on where it was stopped and is put in its place at the end": {
        "curate/export/decide/relabel.py": "__init__",
        "curate/export/decide/rows.py": "_write add remove",
        "curate/export/formats/sharegpt.py": "finish",
        "curate/export/tell/card.py": "write_card",
        "curate/export/tell/croissant.py": "write_croissant",
        "curate/export/tell/figures.py": "write_examples write_plots",
        "curate/export/tell/manifest.py": "write_manifest",
        "curate/export/write/job.py": "_write_dropped",
        "curate/export/write/parquet.py": "__init__",
        "curate/export/write/picture_lines.py": "__init__ add put_together",
        "curate/export/write/work.py": "__exit__ _fresh _take_lock begin finish publish _clear_away",
    },
    "what can be made again: caches, and what the App shows": {
        "curate/archives/cache.py": "_only_one _remove entry",
        "curate/base/kept_tables.py": "write_kept",
        "curate/browse/dataset/writing.py": "write_dataset",
        "curate/browse/pictures/painter.py": "_read",
        "curate/browse/process/session.py": "_database _remove _write_background",
        "curate/browse/process/work.py": "held tidy work_of",
        "curate/images/measure_cache.py": "_prune",
    },
    "takes back what it has just put in place, since its output could not follow": {
        "curate/fix/job.py": "write",
    },
    "lines that are only added, and locks": {
        "curate/browse/process/mongod.py": "__init__",
        "curate/browse/process/server.py": "__init__",
        "finetune/predict/file.py": "__enter__ __exit__",
        "finetune/train/nonfinite.py": "_write",
        "curate/fix/undo_log.py": "opened",
        "finetune/train/run_folder.py": "_taken add_loss alone",
    },
    "a training that begins anew, or goes on": {
        "finetune/train/run_folder.py": "begin tidy",
    },
    "in memory, or no file at all": {
        "curate/audit/sources.py": "read_sources",
        "curate/browse/likeness/brain.py": "_place",
        "curate/browse/pictures/cards.py": "as_png card",
        "curate/browse/process/app.py": "_decide _load",
        "curate/cli/audit.py": "format_epilog",
        "curate/demo/pictures.py": "on_a_page on_paper",
        "curate/export/write/png.py": "_colour",
        "curate/pairs/rendered.py": "drawings",
        "curate/render/messages.py": "error_png",
        "curate/report/pictures.py": "_small",
        "curate/sources/read.py": "_renamed",
        "finetune/models/quiet.py": "quiet",
        "finetune/predict/served.py": "_data_url",
        "finetune/train/loop.py": "train",
        "rules/workers/process.py": "_memory",
    },
}


def test_what_writes_another_way_says_why() -> None:
    allowed: dict[str, set[str]] = {}
    for modules in REASONS.values():
        for module, functions in modules.items():
            allowed.setdefault(module, set()).update(functions.split())
    there = {module: {place.split()[0] for place in places} for module, places in found().items()}
    assert there == allowed


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        ("path.write_text('x')", "write_text"),
        ("path.open('w')", "open"),
        ("path.open(mode='ab')", "open"),
        ("open(path, 'x')", "open"),
        ("os.replace(a, b)", "replace"),
        ("a.rename(b)", "rename"),
        ("shutil.rmtree(a)", "rmtree"),
        ("shutil.move(a, b)", "move"),
        ("frame.write_parquet(path)", "write_parquet"),
        ("path.open()", None),
        ("path.open('rb')", None),
        ("frame.rename({'a': 'b'})", None),
        ("text.replace('a', 'b')", None),
        ("with new_file(path) as temporary:\n  temporary.write_text('x')", None),
        ("with new_folder(path) as folder:\n  inner = folder / 'a'\n  with inner.open('w') as file: pass", None),
        ("with new_file(path) as temporary:\n  path.write_text('x')", "write_text"),
    ],
)
def test_what_changes_the_disk_is_seen(code: str, calls: str | None) -> None:
    body = "".join(f" {line}\n" for line in code.splitlines())
    assert [call for _, call in _places(ast.parse(f"def f():\n{body}"))] == ([] if calls is None else [calls])
