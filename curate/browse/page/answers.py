"""Answers the page's requests: the next sample, its pictures, the outcome of a decision. Knows no HTTP."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.surrogates import check_characters
from curate.browse.deciding.taking import Desk, ShownSample
from curate.browse.page import shown
from curate.browse.page.queues import Queue, Queues
from curate.browse.pictures.sketch import Sketcher
from curate.runs.decisions import ACTIONS, DECISIONS_FILE, Decision, os_user, read_decisions
from curate.runs.folder import load_run

#: Picture addresses to remember; the page shows about ten at a time.
_PICTURES = 2000
#: Characters of a person's name that are kept.
_NAME = 80
Json = dict[str, Any]


class Answers:
    """Answers about one run.

    who: who makes the decisions, unless the page names somebody. decided: called with every sample that is decided on.
    app: the address of FiftyOne's App, None while there is none.
    """

    def __init__(
        self,
        run: Path,
        queues: Queues,
        sketcher: Sketcher,
        who: str | None = None,
        decided: Callable[[str], None] = lambda sample_id: None,
    ) -> None:
        self._path = run
        self._queues = queues
        self._sketcher = sketcher
        self._who = who or os_user()
        self._decided = decided
        self._lock = threading.Lock()
        self._standing: tuple[object, Mapping[str, Decision]] = (None, {})
        self._pictures: OrderedDict[str, Callable[[], bytes]] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self.app: str | None = None

    def start(self) -> Json:
        """The run, its queues, and who decides."""
        queues = [{"name": name, "title": title, "samples": count} for name, title, count in self._queues.titles()]
        return {"run": self._path.resolve().name, "who": self._who, "queues": queues}

    def sample(self, queue: str, way: str, sample_id: str = "") -> Json:
        """A sample of a queue and its place there; `sample` is None if there is none.

        way: `here`, `next` or `previous`; `first` and `open` (the next to be decided on) pass over samples that have
        a decision.
        """
        found = self._queues.of(queue)
        if found is None:
            raise UserError("this list of samples is gone; choose another")
        standing = self.standing()
        at = found.places.get(sample_id)
        if way != "here":
            at = self._place(found, way, at, standing)
            sample_id = "" if at is None else found.ids[at]
        made = shown.sample(load_run(self._path), sample_id, standing) if sample_id else None
        if sample_id and made is None:
            raise UserError(f"{sample_id} is no longer in the run: it was audited again; start `curate browse` again")
        return {
            "queue": {"total": len(found.ids), "decided": self._decided_in(found, standing), "at": at},
            "sample": None if made is None else self._with_pictures(made),
            "app": self.app,
        }

    def decide(self, asked: Json) -> Json:
        """Make a decision.

        asked: id, action, label (the new one), who, queue; judged and seen, the label and the decision that were shown.
        """
        sample_id, judged, action, label = _text(asked, "id"), _text(asked, "judged"), asked.get("action"), None
        if action not in ACTIONS:
            raise UserError(f"the request's 'action' must be one of {', '.join(ACTIONS)}")
        if action in ("edit", "fix"):
            label = _text(asked, "label")
        before = self.standing().get(sample_id)
        if shown.mark(before) != asked.get("seen"):
            return {"done": False, "message": _overtaken(before)}
        who = str(asked.get("who") or self._who).strip()[:_NAME]
        sample = ShownSample(sample_id, sample_id, judged, label if action == "fix" else None)
        outcome = Desk(self._path, who).decide(action, [sample], label, {sample_id: before})
        if outcome.states:
            self._decided(sample_id)
        standing = self.standing()
        now = standing.get(sample_id)
        message = _overtaken(now) if outcome.refused["overtaken"] else outcome.message
        queue = self._queues.of(str(asked.get("queue")))
        decided = 0 if queue is None else self._decided_in(queue, standing)
        return {"done": bool(outcome.states), "message": message, "seen": shown.mark(now), "decided": decided}

    def look(self, asked: Json) -> Json:
        """What the rules say about a label that is being typed, and how it is drawn."""
        sample_id, label = _text(asked, "id"), _text(asked, "label")
        look = Desk(self._path).look(label, sample_id)
        return {
            "findings": shown.findings(look),
            "score": look.score,
            "picture": self._drawing(label, look.visual_key),
        }

    def picture(self, name: str) -> bytes | None:
        """A PNG that an answer named; None if it isn't known (any more)."""
        with self._lock:
            made = self._pictures.get(name)
        return None if made is None else made()

    def standing(self) -> Mapping[str, Decision]:
        """The decisions in the run's file now; the file is read again when it has changed."""
        path = self._path / DECISIONS_FILE
        try:
            found = path.stat()
            stamp: object = (found.st_ino, found.st_size, found.st_mtime_ns)
        except FileNotFoundError:
            stamp = None
        with self._lock:
            if stamp is None or self._standing[0] != stamp:
                self._standing = (stamp, read_decisions(path).standing)
            return self._standing[1]

    def _decided_in(self, queue: Queue, standing: Mapping[str, Decision]) -> int:
        return sum(name in queue.places and not self._queues.is_open(name, standing) for name in standing)

    def _place(self, queue: Queue, way: str, at: int | None, standing: Mapping[str, Decision]) -> int | None:
        if way == "previous":
            before = len(queue.ids) if at is None else at
            return before - 1 if before else None
        start = 0 if at is None or way == "first" else at + 1
        for place in range(start, len(queue.ids)):
            if way == "next" or queue.every or self._queues.is_open(queue.ids[place], standing):
                return place
        return None

    def _with_pictures(self, made: Json) -> Json:
        run = load_run(self._path)
        source, image = made["source"], made.pop("image")
        root = run.root(source) if any(entry["name"] == source for entry in run.summary["sources"]) else None
        for version in made["versions"]:
            version["picture"] = self._drawing(version["label"], version.pop("key"))
        photo = (
            None if image is None else self._known(f"photo {source} {image}", lambda: self._sketcher.photo(root, image))
        )
        return {**made, "photo": photo}

    def _drawing(self, label: str, key: str | None) -> str:
        return self._known(f"drawing {label}", lambda: self._sketcher.drawing(label, key))

    def _known(self, what: str, made: Callable[[], bytes]) -> str:
        """The address of a picture, made on request. It can't be guessed: the picture is shown without the token."""
        name = hmac.new(self._secret, what.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]
        with self._lock:
            self._pictures[name] = made
            self._pictures.move_to_end(name)
            while len(self._pictures) > _PICTURES:
                self._pictures.popitem(last=False)
        return f"/picture/{name}"


def _text(asked: Json, name: str) -> str:
    found = asked.get(name)
    if not isinstance(found, str):
        raise UserError(f"the request's {name!r} must be a text")
    check_characters(found, f"the request's {name!r}")
    return found


def _overtaken(now: Decision | None) -> str:
    """The message when another decision was made while somebody looked."""
    if now is None:
        return "The decision was taken back meanwhile. Look again, then decide."
    words = {"accept": "accepted", "fix": "fixed", "edit": "edited", "reject": "rejected"}
    return f"{now.who or 'Somebody'} {words[now.action]} this sample meanwhile. Look again, then decide."
