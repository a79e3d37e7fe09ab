"""Forks commands from a process that has their imports, so a stop costs a command's work and not its start.

They work without helper processes, which saves their start, too. The rest of the soak starts commands as people do.
Also a script: `python tests/soak/warm.py` reads orders as JSON lines, and answers each.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

#: The modules that the commands of `stops` and `predictions` import. These import the rest.
_MODULES = (
    *("polars", "numpy", "pyarrow.parquet", "jinja2", "PIL.Image", "math_core", "mathra", "resvg_py", "rules.api"),
    *("rules.registry", "curate.audit", "curate.sources", "curate.report.page", "curate.pairs.score"),
    *("curate.fix.job", "curate.export.write.job", "curate.findings.of_run", "finetune.metrics.evaluation"),
    *("finetune.compare.page", "finetune.cli.compare", "finetune.cli.card", "finetune.cli.prompts"),
    *("finetune.metrics.label_report", "finetune.metrics.plots", "curate.cli.main", "finetune.cli.main"),
    *("curate.cli.audit", "curate.cli.fix", "curate.cli.export", "finetune.cli.evaluate"),
)  # fmt: skip
#: The files with what a command wrote to standard output and to standard error.
_ENDINGS = (".out", ".err")


class Forked:
    """A command that the server forked, with the methods of `subprocess.Popen`."""

    def __init__(self, server: Server, pid: int, out: Path) -> None:
        self.pid, self.returncode = pid, None
        self._server, self._out = server, out
        self._fd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return None if self.returncode is None and not self._is_over(0) else self._reaped()

    def send_signal(self, number: int) -> None:
        if self.returncode is None:  # until then nobody else has this process number
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        if self.returncode is None and not self._is_over(timeout):
            raise subprocess.TimeoutExpired(["forked"], timeout or 0)
        self._reaped()
        texts = (self._out.with_suffix(end).read_text(encoding="utf-8", errors="replace") for end in _ENDINGS)
        return next(texts), next(texts)

    def _is_over(self, timeout: float | None) -> bool:
        return bool(select.select([self._fd], [], [], timeout)[0])

    def _reaped(self) -> int:
        if self.returncode is None:
            self.returncode = self._server.ask({"wait": self.pid})
            os.close(self._fd)
        return int(self.returncode)  # type: ignore[arg-type]


class Server:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._number = 0

    def started(
        self, command: Sequence[str], environment: dict[str, str], limits: dict[str, int], home: Path
    ) -> Forked:
        """Run a command line of `attack.program`; its output goes to files in `home`."""
        self._number += 1
        out = home / f"said-{self._number}"
        for end in _ENDINGS:  # the command may be killed before it opens them
            out.with_suffix(end).touch()
        order = {"program": command[2].partition(".")[0], "arguments": list(command[3:])}
        return Forked(self, self.ask({**order, "environment": environment, "limits": limits, "out": str(out)}), out)

    def ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))


def serve() -> None:
    for name in _MODULES:
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        elif not (answer := os.fork()):
            raise SystemExit(_command(**order))
        print(json.dumps(answer), flush=True)


def _command(program: str, arguments: list[str], environment: dict[str, str], limits: dict[str, int], out: str) -> int:
    """Run the command in a forked child."""
    from curate.base.terminal import run
    from rules.workers import spread

    os.setsid()
    for number, end in enumerate(_ENDINGS, start=1):
        os.dup2(os.open(out + end, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, size in limits.items():
        if name == "RLIMIT_FSIZE":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(getattr(resource, name), (size, size))
    os.environ.update(environment)
    spread.POSSIBLE = False
    return run(program, import_module(f"{program}.cli.main").main_group, arguments)


if __name__ == "__main__":
    serve()
