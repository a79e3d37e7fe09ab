"""A `curate fix` killed between two steps leaves no output without its journal, and the next one is whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from curate.base import exchange
from curate.base.errors import UserError
from curate.fix import job
from curate.sources import parse_source
from rules import select

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(params=["file", "folder"])
def fixed(request: pytest.FixtureRequest, tmp_path: Path) -> job.Fixed:
    source = tmp_path / "set"
    source.mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        (source / name).write_text('{"id": "a", "latex": "$x$"}\n{"id": "b", "latex": "y"}\n', encoding="utf-8")
    return job.fix_source(
        parse_source(str(source / "train.jsonl" if request.param == "file" else source)), select(), "safe"
    )


def written(out: Path) -> dict[str, bytes]:
    files = [out] if out.is_file() else sorted(out.rglob("*"))
    return {path.name: path.read_bytes() for path in [*files, job.journal_of(out)] if path.is_file()}


def killed_at(step: int, fixed: job.Fixed, out: Path) -> bool:
    """Write in a child that is killed at this step, before or after a call that changes names. False if it finished."""
    child = os.fork()
    if not child:
        seen = 0

        def stepped(call):  # type: ignore[no-untyped-def]
            def around(*given, **named):  # type: ignore[no-untyped-def]
                nonlocal seen
                for at, do in ((1, lambda: call(*given, **named)), (2, lambda: None)):
                    seen += 1
                    if seen == step:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if at == 1:
                        result = do()
                return result

            return around

        for name in ("replace", "rename", "mkdir", "unlink"):
            setattr(os, name, stepped(getattr(os, name)))
        exchange.exchange = stepped(exchange.exchange)
        job.write(fixed, out)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_no_output_is_without_its_journal(tmp_path: Path, fixed: job.Fixed) -> None:
    job.write(fixed, tmp_path / "whole")
    whole = {name.replace("whole", "out"): data for name, data in written(tmp_path / "whole").items()}
    step = 1
    while True:
        out = tmp_path / str(step) / "out"
        out.parent.mkdir()
        if not killed_at(step, fixed, out):
            break
        if out.exists():
            assert written(out) == whole, step
            with pytest.raises(UserError, match="already exists"):
                job.write(fixed, out)
        else:
            job.write(fixed, out)
        assert written(out) == whole, step
        step += 1
    assert step > 4


def test_a_journal_of_somebody_else_stays(tmp_path: Path, fixed: job.Fixed) -> None:
    out = tmp_path / "out"
    for text in ("mine\n", '{"sample_id": "a"}\n', "[1]\n"):
        job.journal_of(out).write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"out\.journal\.jsonl: already exists"):
            job.write(fixed, out)
        assert job.journal_of(out).read_text(encoding="utf-8") == text
    assert not out.exists()


def test_an_output_that_can_t_be_put_in_its_place_leaves_no_journal(
    tmp_path: Path, fixed: job.Fixed, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def fail(*given: object, **named: object) -> None:
        raise OSError(5, "Input/output error")

    def journal_only(source, target):  # type: ignore[no-untyped-def]
        return real(source, target) if str(target).endswith("journal.jsonl") else fail()

    real = os.replace
    monkeypatch.setattr(os, "replace", journal_only)
    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="Input/output error"):
        job.write(fixed, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
