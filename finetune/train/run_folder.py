"""The folder of a training: its files, and whether it can be started or resumed. Trains nothing, draws nothing.

    config.yaml        the settings as used              environment.json   versions, GPUs, hash of the data
    unfit.jsonl        samples left out, and why         state.json         the state of the training
    losses.jsonl       a line per log or evaluation      losses.svg         the same, drawn
    samples/           predictions at each evaluation    checkpoints/       to resume from
    best/  last/       adapters

state.json says `preparing` until the first step. Until then the folder can be started again, later only resumed.
Adapters, pages and plots are complete or absent. A checkpoint counts if it has all its files.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from curate import __version__
from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from curate.base.given_files import no_folder
from curate.base.leftovers import restore
from curate.base.locks import try_lock
from curate.base.settings import flat
from finetune.models.hardware import gpus, processes
from finetune.settings.config import Config, as_yaml, load_config

if TYPE_CHECKING:
    from curate.sources import BadRow
    from finetune.train.preflight import CheckedSplit

State = Literal["preparing", "training", "finished"]
CONFIG, STATE, ENVIRONMENT, UNFIT = "config.yaml", "state.json", "environment.json", "unfit.jsonl"
LOSSES, PLOT, SAMPLES, CHECKPOINTS = "losses.jsonl", "losses.svg", "samples", "checkpoints"
BEST, LAST = "best", "last"
#: Settings that may change when a training is resumed: they affect no step.
_MAY_CHANGE = frozenset(
    {"out", "data.path", "train.keep", "train.workers", "train.report_to", "train.max_left_out", "eval.batch_size",
     "eval.samples", "eval.max_new_tokens", "eval.patience", "eval.min_delta"}
)  # fmt: skip
_PACKAGES = ("unsloth", "unsloth_zoo", "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "datasets")
_PREFIX = "checkpoint-"
#: Locked by the process of a training as long as it runs, however it ends.
_LOCK = ".lock"
#: Seconds. Processes that open images outlive a killed training by about five, and hold its lock.
_WAIT = 10.0
#: The files that a checkpoint needs for resuming, in the order in which the last one is written last.
_CHECKPOINT_FILES = ("adapter_config.json", "adapter_model.safetensors", "optimizer.pt", "scheduler.pt",
                     "trainer_state.json")  # fmt: skip


class RunFolder:
    """A run folder at `path`, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / CHECKPOINTS
        self.samples = path / SAMPLES

    def state(self) -> dict[str, Any]:
        """The content of state.json; empty if there is none. Raises UserError for a folder with other content."""
        if not self.path.exists():
            return {}
        if not self.path.is_dir():
            raise UserError(f"{self.path}: {no_folder(self.path)}; `out` is the folder of the training")
        file = self.path / STATE
        if not file.is_file():
            if any(entry.name != _LOCK for entry in self.path.iterdir()):
                raise _foreign(self.path)
            return {}
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: can't be read ({error})") from error
        if not isinstance(state, dict) or state.get("state") not in get_args(State):
            raise _foreign(self.path)
        return state

    def check_new(self) -> None:
        """Raises UserError unless a training can start here."""
        state = self.state().get("state")
        if state == "finished":
            raise UserError(f"{self.path}: has a finished training; name a different folder with out=FOLDER")
        if state == "training":
            raise UserError(
                f"{self.path}: has a training that was stopped; --resume continues it, out=FOLDER starts a new one"
            )

    def check_alone(self) -> None:
        """Raises UserError if another training is running here."""
        try:
            held = (self.path / _LOCK).open(encoding="utf-8")
        except OSError:  # nobody holds it
            return
        with held:
            self._hold(held)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other trainings out of this folder, which is made if it isn't there. Raises UserError as above."""
        lock = self.path / _LOCK
        with self._taken(lock):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
                with suppress(OSError):
                    self.path.rmdir()  # nothing was started: the folder is removed if it is empty

    def _taken(self, lock: Path) -> IO[str]:
        """The lock, which this process holds until it is closed."""
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                held = lock.open("a", encoding="utf-8")
            except FileNotFoundError:  # the previous holder has just removed the folder
                continue
            try:
                self._hold(held)
                if lock.exists() and os.path.samestat(os.fstat(held.fileno()), lock.stat()):
                    return held
            except FileNotFoundError:
                pass
            except BaseException:
                held.close()
                raise
            held.close()  # its holder removed it at the end: others would create and hold a new one

    def _hold(self, held: IO[str]) -> None:
        until = time.monotonic() + _WAIT
        while not try_lock(held):
            if time.monotonic() < until:
                time.sleep(0.2)
                continue
            raise UserError(
                f"{self.path}: another training is running in this folder; wait, or name another with out=FOLDER"
            )

    def check_resume(self, config: Config) -> None:
        """Raises UserError unless the training in this folder can be resumed with these settings."""
        state = self.state().get("state")
        if state is None:
            raise UserError(f"{self.path}: has no training to resume; leave out --resume to start one")
        if state == "finished":
            raise UserError(f"{self.path}: the training is finished; there is nothing to resume")
        old, new = flat(load_config(self.path / CONFIG)), flat(config)
        changed = [name for name in new if name not in _MAY_CHANGE and old[name] != new[name]]
        if changed:
            told = ", ".join(f"{name} was {old[name]!r} and is {new[name]!r}" for name in changed)
            raise UserError(f"{self.path}: can't be resumed with other settings: {told}")

    def begin(self, config: Config, environment: Mapping[str, Any]) -> None:
        """Create the folder, or reset it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.set_state("preparing")
        for name in (LOSSES, PLOT, UNFIT):
            (self.path / name).unlink(missing_ok=True)
        self.write_config(config)
        write_json(self.path / ENVIRONMENT, environment)

    def add_environment(self, **facts: Any) -> None:
        """Add facts to environment.json that were not known before."""
        file = self.path / ENVIRONMENT
        write_json(file, {**json.loads(file.read_text(encoding="utf-8")), **facts})

    def tidy(self) -> None:
        """Restore the adapters that a killed training had moved away, and remove its incomplete files."""
        for name in (BEST, LAST):
            restore(self.path / name)
            for left in self.path.glob(f".{name}.*"):
                shutil.rmtree(left, ignore_errors=True)

    def write_config(self, config: Config) -> None:
        with new_file(self.path / CONFIG) as temporary:
            temporary.write_text(as_yaml(config), encoding="utf-8")

    def set_state(self, state: State, **facts: Any) -> None:
        write_json(self.path / STATE, {"state": state, **facts})

    def write_unfit(self, checked: Mapping[str, CheckedSplit], unread: Iterable[BadRow] = ()) -> None:
        """List the rows that are not samples and the samples that don't fit. The file exists even if all fit."""
        with new_file(self.path / UNFIT) as temporary, temporary.open("w", encoding="utf-8") as lines:
            for bad in unread:
                lines.write(json.dumps(asdict(bad), ensure_ascii=False) + "\n")
            for split, one in checked.items():
                for row in one.unfit.iter_rows(named=True):
                    known = {name: value for name, value in row.items() if value not in (None, "") and name != "row"}
                    lines.write(json.dumps({"split": split, **known}, ensure_ascii=False) + "\n")

    def checkpoint(self) -> Path | None:
        """The newest complete checkpoint, None if there is none."""
        found = sorted(
            (entry for entry in self.checkpoints.glob(f"{_PREFIX}*") if entry.name[len(_PREFIX) :].isdigit()),
            key=lambda entry: int(entry.name[len(_PREFIX) :]),
        )
        return next((entry for entry in reversed(found) if _is_whole(entry)), None)

    def restart_losses(self, history: Iterable[Mapping[str, Any]]) -> None:
        """Reset losses.jsonl to these lines: everything after the checkpoint will be logged again."""
        with new_file(self.path / LOSSES) as temporary, temporary.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(line) + "\n" for line in history)

    def add_loss(self, line: Mapping[str, Any]) -> None:
        with (self.path / LOSSES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")

    def losses(self) -> list[dict[str, Any]]:
        """The lines of losses.jsonl, without an incomplete last one."""
        file = self.path / LOSSES
        if not file.is_file():
            return []
        out = []
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                out.append(json.loads(line))
            except ValueError:
                break
        return out


def _foreign(folder: Path) -> UserError:
    return UserError(f"{folder}: is not the folder of a training; name a different one with out=FOLDER")


def write_json(path: Path, value: Any) -> None:
    with new_file(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def environment(data_hashes: Mapping[str, str], answer_tokens: int | None = None) -> dict[str, Any]:
    """Versions, machine and data, for environment.json. data_hashes: of every split. answer_tokens: the number of
    tokens in the longest training label, from which `finetune predict` takes its limit for answers.
    """
    return {
        "texsieve": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "gpus": [{"name": gpu.name, "memory": gpu.memory, "capability": list(gpu.capability)} for gpu in gpus()],
        "processes": processes(),
        "command": sys.argv[1:],
        "data_sha256": dict(data_hashes),
        "answer_tokens": answer_tokens,
    }


def data_sha256(rows: Any, places: Iterable[int]) -> str:
    """A hash of the ids and labels of the rows at `places`, in order: the same samples give the same steps."""
    digest = hashlib.sha256()
    ids, labels = list(rows["sample_id"]), list(rows["label"])
    for place in places:
        for text in (ids[place], labels[place]):
            data = str(text or "").encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_whole(checkpoint: Path) -> bool:
    files = [checkpoint / name for name in _CHECKPOINT_FILES]
    if not all(file.is_file() and file.stat().st_size for file in files):
        return False
    try:
        state = json.loads(files[-1].read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(state.get("global_step") == int(checkpoint.name[len(_PREFIX) :]))
