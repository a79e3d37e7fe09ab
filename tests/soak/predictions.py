"""Attacks whatever reads predictions, metrics and answers to prompts, with files as broken programs leave them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from attack import Failure, complaint, contents, program, run
from chat_server import MODEL, ChatServer
from labels import made
from PIL import Image
from sources import BREAKS
from stops import WARM, must

#: Rows of a prediction file.
ROWS = 12
#: What may change by a command, if it succeeds and if it fails. A stopped prediction's last line is cut off.
_MAY_CHANGE = {
    "evaluate": (r"scores/(metrics\.json|confusions\.svg)", ""),
    "compare": (r"page\.html", ""),
    "prompts": (r"asked/.*", r"asked/\w+\.jsonl(\.run\.json)?"),
    "card": (r"adapter/(README\.md|metrics\.json)", ""),
}
_AROUND = ("tmp/", "cache/", "said/")
_LABELS = (r"\frac{a}{b}", "x^2", r"\sqrt{x}", "a+b", r"\int_0^1 x\,dx", r"\begin{matrix}a&b\\c&d\end{matrix}")


def attack(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Break files and read them: a result or one error line. Inputs stay as they are, and nothing is left over."""
    work = folder / "work"
    shutil.copytree(_place(folder), work)
    name = random.choice(("evaluate",) * 5 + ("compare",) * 3 + ("prompts", "card"))
    arguments, broken = _COMMANDS[name](random)
    for file in broken:
        _broken(random, work / file)
    before = contents(work)
    command = program("finetune", name, *(work / part[1:] if part[:1] == "@" else part for part in arguments))
    result = run(command, home=work, warm=random.random() < WARM)
    what = complaint(result, (0, 2)) or _changed(name, before, contents(work), result is None or result.code == 2)
    if what is None and result is not None and result.code == 0 and "json" in arguments:
        what = _no_json(result.out)
    return ([Failure(what, shlex.join(command))] if what else []), Counter({name: 1})


def _changed(name: str, before: dict[str, bytes | None], after: dict[str, bytes | None], failed: bool) -> str | None:
    """What a command changed that it must not change, or left over."""
    changed = {*before} ^ {*after} | {file for file in {*before} & {*after} if before[file] != after[file]}
    others = [file for file in changed if not file.startswith(_AROUND)]
    wrong = [file for file in others if not re.fullmatch(_MAY_CHANGE[name][failed], file) or file.endswith(".tmp")]
    wrong += [file for file in after if file.startswith("tmp/")]
    return f"changed or left over: {', '.join(sorted(wrong)[:5])}" if wrong else None


def _no_json(text: str) -> str | None:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return f"the output is not JSON: {error}"
    return None


# What is read, and by which command ----------------------------------------------------------------------------------

#: The arguments, with @ before a file, and the files to break.
_Asked = tuple[list[str], list[str]]


def _evaluate(random: Random) -> _Asked:
    options = [[], ["--no-cdm"], ["--no-unwrap", "--no-cdm"], ["--run", "@run"], ["--columns", "gt:label,pred:text"]]
    out = [[], ["--out", "@scores"], ["--format", "json"]]
    broken = random.choice((["base.jsonl"], ["base.jsonl"], ["base.jsonl", "scores/metrics.json"]))
    return ["@base.jsonl", *random.choice(options), *random.choice(out)], broken


def _compare(random: Random) -> _Asked:
    files = random.choice((["base.jsonl", "tuned.jsonl"], ["base.jsonl", "tuned.jsonl", "third.json"]))
    options = [[], ["--no-cdm"], ["--no-unwrap"], ["--seeds", "@third.json"], ["--run", "@run"]]
    broken = random.sample([*files, "third.json"], random.choice((1, 1, 2)))
    return [*(f"@{file}" for file in files), *random.choice(options), "--out", "@page.html"], broken


def _prompts(random: Random) -> _Asked:
    files = ["plain.jsonl", "plain.jsonl.run.json", "plain.unwrapped.jsonl", "prompts.json", "page.jsonl"]
    broken = random.choice((["p.yaml"], *([f"asked/{file}"] for file in files)))
    command = [MODEL, "@data.jsonl", "--server", _servers[0], "--prompts", "@p.yaml", "--out", "@asked", "--no-cdm"]
    return command, broken


def _card(random: Random) -> _Asked:
    return ["@adapter", "--metrics", "@scores/metrics.json"], ["scores/metrics.json"]


_COMMANDS: dict[str, Callable[[Random], _Asked]] = {
    "evaluate": _evaluate,
    "compare": _compare,
    "prompts": _prompts,
    "card": _card,
}


# Ways to break a file ------------------------------------------------------------------------------------------------


def _broken(random: Random, file: Path) -> None:
    """Break the values in a file, its bytes, or both."""
    if file.exists() and random.random() < 0.7:
        if file.suffix != ".yaml":
            _values(random, file)
        if random.random() < 0.3:
            text = file.read_bytes().decode("utf-8", "replace")
            encoding = random.choice(("utf-16", "utf-8-sig", "latin-1", "utf-32-le", "cp1252"))
            file.write_bytes(
                text.replace("\n", random.choice(("\n", "\r\n", "\r", "\n\n"))).encode(encoding, "replace")
            )
    elif file.exists():
        random.choice(BREAKS)(random, file)


def _values(random: Random, file: Path) -> None:
    """Change some values of a JSON file: their kind, size or key; lose, repeat and reorder rows."""
    text = file.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)
    listed = rows if isinstance(rows, list) else [rows]
    for _ in range(random.choice((1, 1, 3, 2 * ROWS))):
        spots = list(_spots(random.choice(listed))) if listed else []
        if spots and random.random() < 0.8:
            holder, key = random.choice(spots)
            _change(random, holder, key)
        elif listed:
            random.choice((listed.reverse, lambda: listed.append(listed[0]), listed.pop, listed.clear))()
            if listed and random.random() < 0.3:
                listed[random.randrange(len(listed))] = _hostile(random)
    plain = random.random() < 0.5
    if file.suffix == ".jsonl" and random.random() < 0.8:
        text = "".join(json.dumps(row, ensure_ascii=plain) + "\n" for row in rows)
    else:
        text = json.dumps(rows, ensure_ascii=plain)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every value inside one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield value, key
        yield from _spots(held)


def _change(random: Random, holder: Any, key: Any) -> None:
    way = random.random()
    if way < 0.15:
        del holder[key]
    elif way < 0.3 and isinstance(holder, dict):
        holder[random.choice((*holder, "label", "id", "prediction", "Pred", "image", "seconds", "score"))] = holder[key]
    elif way < 0.4:
        holder[key] = str(holder[key])
    else:
        holder[key] = _hostile(random)


def _hostile(random: Random) -> Any:
    nested: Any = "x"
    for _ in range(500):
        nested = [nested]
    values = (None, "", " ", True, 0, -1, 7, 0.1, float("nan"), float("inf"), -1e308, 10**400, [], {}, nested)
    texts = ("12", "NaN", "null", "\ud800", "\0", "\x1b[2J", "\u202e", "x" * 1_000_000, "{" * 20_000, r"\frac" * 9_000)
    return random.choice((*values, *texts, *(made(random)[:2000] for _ in range(5)), *_LABELS))


# Sound files ---------------------------------------------------------------------------------------------------------

_made: list[Path] = []
#: The address of the server that answered the prompts. It is gone: what isn't answered yet ends in an error.
_servers: list[str] = []


def _place(folder: Path) -> Path:
    """Sound files of every kind, made at the first attack and kept beside the folders of the attacks."""
    if not _made:
        root = folder.parent / "predictions-data"
        shutil.rmtree(root, ignore_errors=True)
        for name in ("tmp", "cache", "said", "adapter", "model"):
            (root / name).mkdir(parents=True)
        rows = [(f"data/test/{number}", _LABELS[number % len(_LABELS)]) for number in range(ROWS)]
        _write_predictions(root, rows)
        for number in range(3):
            Image.new("RGB", (84, 56), "white").save(root / f"{number}.png")
        data = [{"id": name, "image": f"{number % 3}.png", "label": label} for number, (name, label) in enumerate(rows)]
        (root / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
        (root / "p.yaml").write_text("plain: LaTeX?\npage: QwenVL HTML\n", encoding="utf-8")
        (root / "model" / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}), encoding="utf-8")
        adapter = {"base_model_name_or_path": str(root / "model"), "peft_type": "LORA", "r": 8, "lora_alpha": 8}
        (root / "adapter" / "adapter_config.json").write_text(json.dumps(adapter), encoding="utf-8")
        (root / "adapter" / "adapter_model.safetensors").write_bytes(b"x" * 100)
        must(run(program("curate", "audit", root / "data.jsonl", "--out", root / "run", "--no-images", "--no-cache")))
        must(run(program("finetune", "evaluate", root / "tuned.jsonl", "--out", root / "scores")))
        with ChatServer().running() as server:
            asked = ("--server", server.url, "--prompts", root / "p.yaml", "--out", root / "asked", "--no-cdm")
            must(run(program("finetune", "prompts", MODEL, root / "data.jsonl", *asked)))
            _servers.append(server.url)
        _made.append(root)
    return _made[0]


def _write_predictions(root: Path, rows: list[tuple[str, str]]) -> None:
    """base.jsonl, tuned.jsonl and third.json: what three models read, with everything that a row may hold."""
    for file, ending in (("base.jsonl", " + 1"), ("tuned.jsonl", ""), ("third.json", " x")):
        read = [
            {"sample_id": name, "gt": gt, "pred": gt + ending, "image": "0.png", "seconds": 0.5, "score": -0.1}
            for name, gt in rows
        ]
        lines = "".join(json.dumps(row) + "\n" for row in read)
        (root / file).write_text(lines if file.endswith("l") else json.dumps(read), encoding="utf-8")
