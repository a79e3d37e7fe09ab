"""Keeps helper processes and distributes batches among them, with results in order even if a batch crashes its process.

Each helper belongs to a thread that gives it one batch at a time. If the process dies or makes no progress for too
long, the batch is split: around the item that the process last reported, or else into halves. A single item is lost if
a process ends on it twice. If something else ended the process, the item gets a second try and nothing is lost.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Condition, Thread, current_thread
from typing import Any

from rules.workers.process import Death, HelperError, Process

#: If this many items in a row are lost, the items are not to blame.
MOST_IN_A_ROW = 20
#: How many batches per helper to take from the caller at once.
_AHEAD = 3
#: Seconds after which a waiting thread wakes up. Polars makes the system resume a wait that Ctrl-C interrupted, and a
#: signal may reach another thread; Python's handler runs only when the main thread continues.
_LOOK = 0.2

Batch = Sequence[Any]


@dataclass(frozen=True)
class Lost:
    """An item on which every process ended. why: how they ended, in words."""

    item: Any
    why: str


@dataclass
class _Task:
    """A batch, or a part of one."""

    job: _Job
    batch: Batch
    deaths: int = 0  # processes that ended on this part
    by_place: bool = False  # split around the item that a process was at
    done: bool = False
    result: Any = None
    error: BaseException | None = None
    parts: list[_Task] = field(default_factory=list)


@dataclass(eq=False)
class _Job:
    """The batches that one caller waits for."""

    work: Callable[[Any], Any]
    workers: int
    limit: float
    running: int = 0
    lost_in_a_row: int = 0
    over: bool = False
    cancelled: bool = False


class Pool:
    """The helper processes of this process. They start when a batch needs one, and are kept for the next caller."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._pending: deque[_Task] = deque()
        self._jobs: list[_Job] = []
        self._hands: list[_Hand] = []

    def pids(self) -> list[int]:
        """The running processes."""
        with self._changed:
            return [hand.process.pid for hand in self._hands if hand.process is not None]

    def work(
        self, work: Callable[[Any], Any], batches: Iterator[Batch], workers: int, limit: float, *, here: bool = False
    ) -> Iterator[Any]:
        """The results of `work` in order: one per batch, or one per part if a batch was split.

        A lost item is a `Lost` in place of a result. workers: number of processes; limit: seconds for an item; here:
        this process is one of them, and does waiting batches itself instead of idling. Raises what `work` raises, and
        HelperError if helpers can't be started or several items in a row are lost.
        """
        job = _Job(work, workers - here, limit)
        with self._changed:
            self._jobs.append(job)
        waiting: deque[_Task] = deque()
        try:
            while True:
                while len(waiting) < _AHEAD * workers and (batch := next(batches, None)) is not None:
                    waiting.append(self._submit(_Task(job, batch)))
                if not waiting:
                    job.over = True
                    return
                yield from self._results(waiting.popleft(), here)
        finally:
            self._leave(job)

    def prepare(self, work: Callable[[Any], Any], item: Any, limit: float) -> None:
        """Start a helper if there is none, and have it import what `work` needs by doing an item. Doesn't wait for it,
        and nobody gets the result. Raises HelperError if none can be started."""
        with self._changed:
            if self._hands:
                return
            job = _Job(work, 1, limit)
            task = _Task(job, [item])
            self._jobs.append(job)
            try:
                self._submit(task)
            except HelperError:
                self._pending.remove(task)
                raise
            finally:
                self._jobs.remove(job)  # so the next job waits for this helper and doesn't start another

    def _results(self, task: _Task, here: bool) -> Iterator[Any]:
        while True:
            with self._changed:
                if task.done:
                    break
                # Not the batch that is waited for, which a helper will take, nor a part of one that ended a helper:
                # what ends a helper would end this process too.
                others = (other for other in reversed(self._pending) if other is not task and not other.deaths)
                own = next((other for other in others if other.job is task.job), None) if here else None
                if own is None:
                    self._changed.wait(_LOOK)
                    continue
                self._pending.remove(own)
            own.result = own.job.work(own.batch)
            own.done = True
        if task.error is not None:
            raise task.error
        if not task.parts:
            yield task.result
        for part in task.parts:
            yield from self._results(part, here)

    def _submit(self, task: _Task) -> _Task:
        with self._changed:
            self._pending.append(task)
            self._start_hands(task.job)
        return task

    def _start_hands(self, job: _Job) -> None:
        free = sum(hand.task is None for hand in self._hands)
        if free < len(self._pending) and len(self._hands) < sum(job.workers for job in self._jobs):
            hand = _Hand(self)
            try:
                hand.start()
            except RuntimeError as error:  # the system has no more threads
                if not self._hands:
                    raise HelperError(f"no helper process can be started: {error}; try fewer --workers") from error
            else:
                self._hands.append(hand)
        self._changed.notify_all()

    def _leave(self, job: _Job) -> None:
        """Clean up a job that is done or given up. If it is given up and no other is running, all helpers end."""
        with self._changed:
            self._jobs.remove(job)
            self._pending = deque(task for task in self._pending if task.job is not job)
            job.cancelled = not job.over
            for hand in self._hands:
                if hand.task is not None and hand.task.job is job:
                    hand.kill()
            # Not in the thread of a hand, where an abandoned generator may be finalised: it would wait for itself.
            while job.running and not isinstance(current_thread(), _Hand):
                self._changed.wait(_LOOK)
            hands = self._dismissed() if job.cancelled and not self._jobs else []
        _await(hands)

    def close(self) -> None:
        """End all helpers. The next job starts new ones."""
        with self._changed:
            for job in self._jobs:
                job.cancelled = True
            hands = self._dismissed()
        _await(hands)

    def _dismissed(self) -> list[_Hand]:
        """Tell all hands to leave, which takes a while."""
        hands, self._hands = self._hands, []
        for hand in hands:
            hand.leaves = True
            hand.kill()
        self._changed.notify_all()
        return hands

    # In the threads of hands ------------------------------------------------------------------------------------------

    def lend(self, hand: _Hand, task: _Task, process: Process) -> bool:
        """Record a hand's new process, so that it can be killed. False: nobody is waiting for the batch any more."""
        with self._changed:
            hand.process = process
            return not (hand.leaves or task.job.cancelled)

    def take(self, hand: _Hand) -> _Task | None:
        """The next batch for a hand to give to its helper; None: the hand must leave."""
        with self._changed:
            while not hand.leaves:
                for task in self._pending:
                    if task.job.running < task.job.workers:
                        self._pending.remove(task)
                        task.job.running += 1
                        hand.task = task
                        return task
                self._changed.wait()
            return None

    def finish(self, hand: _Hand, task: _Task, outcome: tuple[bool, Any] | Death | BaseException) -> None:
        """Record the outcome of a batch."""
        with self._changed:
            hand.task = None
            task.job.running -= 1
            if task.job.cancelled:
                pass
            elif isinstance(outcome, Death):
                self._cut(task, outcome)
            else:
                worked, result = (False, outcome) if isinstance(outcome, BaseException) else outcome
                task.result, task.error = (result, None) if worked else (None, result)
                task.job.lost_in_a_row = 0
            task.done = True
            self._changed.notify_all()

    def _cut(self, task: _Task, death: Death) -> None:
        """Queue the parts of a batch again, before all others, or give up its only item."""
        job, batch, deaths = task.job, task.batch, task.deaths + 1
        size, place = len(batch), death.place
        if size == 1 and deaths > 1:
            task.result = Lost(batch[0], f"its process {death.why}")
            job.lost_in_a_row += 1
            if job.lost_in_a_row >= MOST_IN_A_ROW:
                task.result = None
                task.error = HelperError(
                    f"{MOST_IN_A_ROW} items in a row ended their helper processes; the last process {death.why}. "
                    "`curate doctor` shows what is installed"
                )
            return
        if size == 1:
            cuts = [0, 1]
        elif place is not None and not task.by_place:
            cuts = sorted({0, place, place + 1, size})
        else:  # the reported item was not the culprit
            place, cuts = None, [0, size // 2, size]
        task.parts = [_Task(job, batch[start:end], deaths, by_place=place is not None) for start, end in pairwise(cuts)]
        self._pending.extendleft(reversed(task.parts))
        self._start_hands(job)


class _Hand(Thread):
    """A thread that gives batches to its own helper, and starts a new one if that ends."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(name="texsieve-helper", daemon=True)
        self._pool = pool
        self.task: _Task | None = None
        self.process: Process | None = None
        self.leaves = False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def run(self) -> None:
        # Errors that stop a command are for the main thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP, signal.SIGTERM))
        while (task := self._pool.take(self)) is not None:
            try:
                outcome: tuple[bool, Any] | Death | BaseException = self._do(task)
            except BaseException as error:  # HelperError, an order that can't be pickled, no memory for an answer
                outcome = error
                self._drop()  # it may still answer, and the next order must not get that answer
            self._pool.finish(self, task, outcome)
        self._drop()

    def _drop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.end()
            self.process = None

    def _do(self, task: _Task) -> tuple[bool, Any] | Death:
        process = self.process or self._new_process(task)
        outcome = process.do(task.job.work, task.batch, task.job.limit)
        if isinstance(outcome, Death):
            self.process = None
        return outcome

    def _new_process(self, task: _Task) -> Process:
        for last in (False, False, True):  # something else may end a process before it has done anything
            process = Process()
            waited_for = self._pool.lend(self, task, process)
            if not waited_for:
                process.kill()
            try:
                process.await_ready()
                return process
            except HelperError:
                self.process = None
                if last or not waited_for:
                    raise
        raise AssertionError


def _await(hands: Iterable[_Hand]) -> None:
    """Wait until the hands have left and their processes have ended."""
    for hand in hands:
        if hand is not current_thread():
            hand.join()


_pool = Pool()


def the_pool() -> Pool:
    """The one pool of this process."""
    return _pool


def _forget() -> None:
    """Drops the pool in a forked child, which doesn't have its threads."""
    global _pool
    _pool = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: _pool.close())
