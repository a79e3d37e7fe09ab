"""The process that runs FiftyOne: loads the dataset into the database and serves the App. Started by `session`.

    python -m curate.browse.process.app SETTINGS.json      (FiftyOne's variables set in the environment)

It does what FiftyOne's own `server/main.py` does, with three differences: `guard` protects it, pictures are made when
they are asked for, and the same process loads the dataset, since `import fiftyone` takes seconds. Orders come in as
lines of JSON on standard input, and each is answered on standard output; the end of input means that the command is
gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from curate.browse.dataset import fields
from curate.browse.pictures.finding import Painter, Pictures
from curate.browse.process.guard import Guard
from curate.browse.process.leash import tie_to_parent
from curate.browse.process.server import PAGE
from curate.runs.decisions import DECISIONS_FILE

#: Seconds that requests have to finish: the App always holds one open, to hear of news.
_GRACE = 0.5
_INDEXED = (
    *("filepath", fields.RENDERED, fields.SIDE_BY_SIDE),
    *(fields.SEVERITY, fields.DECISION, fields.SCORE, fields.PAIR_SCORE, fields.RULES, fields.DUPLICATES),
)


class FiftyOneServer:
    """FiftyOne in this process. `settings` are those that `session` writes."""

    def __init__(self, settings: dict[str, Any], out: IO[str]) -> None:
        self._settings = settings
        self._out = out
        self._orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._dataset: Any = None
        self._pictures: Pictures | None = None

    def main(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        os.environ["FIFTYONE_SERVER"] = "1"
        import fiftyone as fo
        import fiftyone.server.metadata as metadata

        name = self._settings["name"]
        if fo.dataset_exists(name):
            self._dataset = fo.load_dataset(name)
        self._say(has=self._dataset.info.get(fields.INFO_FINGERPRINT) if self._dataset is not None else None)
        from fiftyone.server.app import app
        from fiftyone.server.events import set_port

        set_port(self._settings["port"])
        self._at_listing(metadata)
        self._obey(until="serve")
        threading.Thread(target=self._obey, daemon=True).start()
        asyncio.run(self._serve(app))

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(json.loads(line))
        if self._settings["mongod"]:  # if no signal tells it that the command is gone
            with suppress(OSError):
                os.kill(self._settings["mongod"], signal.SIGTERM)
        self._orders.put(None)

    def _obey(self, until: str | None = None) -> None:
        """Carry out orders one after the other, up to the one called `until`."""
        while (order := self._orders.get()) is not None:
            do = order["do"]
            start = time.perf_counter()
            try:
                if do == "load":
                    self._load(order["folder"], order["mark"])
                elif do == "decide":
                    os.environ[PAGE] = order["page"]
                    self._decide(order["who"])
                elif do == "follow":
                    self._follow(order["sample_id"])
                    continue  # nobody waits
                elif do == "propose":
                    propose(self._dataset, json.loads(Path(order["file"]).read_text(encoding="utf-8")))
                elif do == "describe":
                    describe(self._dataset, json.loads(Path(order["file"]).read_text(encoding="utf-8")))
            except Exception as error:
                if do == "follow":
                    print(f"follow: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                self._say(done=do, error=f"{type(error).__name__}: {error}")
                continue
            self._say(done=do, seconds=time.perf_counter() - start)
            if do == until:
                return
        os._exit(0)

    def _say(self, **message: Any) -> None:
        with suppress(OSError):
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def _load(self, folder: str, mark: str) -> None:
        """Load the dataset from its folder, in place of an older one."""
        import fiftyone as fo

        name = self._settings["name"]
        if fo.dataset_exists(name):
            fo.delete_dataset(name)
        dataset: Any = fo.Dataset.from_dir(
            dataset_dir=folder, dataset_type=fo.types.FiftyOneDataset, name=name, persistent=True, progress=False
        )
        dataset.create_index(fields.SAMPLE_ID, unique=True)
        for field in _INDEXED:
            dataset.create_index(field)
        dataset.info[fields.INFO_FINGERPRINT] = mark  # last: without it the dataset is loaded again
        dataset.save()
        self._dataset = dataset

    def _decide(self, who: str | None) -> None:
        self._dataset.info[fields.INFO_WHO] = who
        self._dataset.save()
        decided = self._dataset.match({fields.DECISION: {"$ne": fields.UNDECIDED}})
        if (Path(self._dataset.info[fields.INFO_RUN]) / DECISIONS_FILE).exists() or len(decided):
            # imports all the rules: a second, saved if there are no decisions
            from curate.browse.dataset.mirror import renew

            renew(self._dataset)

    def _follow(self, sample_id: str) -> None:
        """Show what was decided on the page; before the dataset is there, keep it until then."""
        if self._dataset is not None:
            from curate.browse.dataset.mirror import follow

            follow(self._dataset, [sample_id])

    def _at_listing(self, metadata: Any) -> None:
        """Give the App the card's shape instead of the photo's for every tile that it lists, without reading file
        headers; and have the card made, so that it is there when the tile comes into view.

        metadata: the module fiftyone.server.metadata.
        """
        original = metadata.get_metadata

        async def get_metadata(collection: Any, sample: Any, *arguments: Any, **options: Any) -> Any:
            if fields.SIDE_BY_SIDE not in sample:
                return await original(collection, sample, *arguments, **options)
            if self._pictures is not None:
                await self._pictures.listed(sample)
            found = await original(collection, sample, *arguments, **{**options, "skip_metadata_read": True})
            return {**found, "aspect_ratio": fields.CARD[0] / fields.CARD[1]}

        metadata.get_metadata = get_metadata

    async def _serve(self, app: Any) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        painter = Painter(Path(self._settings["background"]))
        self._pictures = Pictures(self._settings, self._dataset._sample_collection, painter)
        guarded = Guard(app, self._pictures)
        config = Config()
        config.bind = [f"fd://{self._settings['socket']}"]
        config.graceful_timeout = config.shutdown_timeout = _GRACE
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, ended.set)
        await painter.start()
        await serve(guarded, config, shutdown_trigger=ended.wait)  # type: ignore[arg-type]


def propose(dataset: Any, proposals: dict[str, list[str]]) -> None:
    """Show proposed labels: {sample_id: [label, change]}. A decision's own change is left in its place."""
    view = dataset.match({fields.SAMPLE_ID: {"$in": list(proposals)}})
    ids, decisions = view.values([fields.SAMPLE_ID, fields.DECISION])
    undecided = [sample_id for sample_id, action in zip(ids, decisions, strict=True) if action == fields.UNDECIDED]
    for field, of, at in ((fields.PROPOSED, ids, 0), (fields.CHANGE, undecided, 1)):
        values = {sample_id: proposals[sample_id][at] for sample_id in of}
        if values:
            dataset.set_values(field, values, key_field=fields.SAMPLE_ID)


def describe(dataset: Any, texts: dict[str, str]) -> None:
    """Show plain texts of labels: {sample_id: text}. A decision that gives another label has set its text already."""
    view = dataset.match({fields.SAMPLE_ID: {"$in": list(texts)}, fields.DECIDED_LABEL: None})
    values = {sample_id: texts[sample_id] for sample_id in view.values(fields.SAMPLE_ID)}
    if values:
        dataset.set_values(fields.TEXT, values, key_field=fields.SAMPLE_ID)


if __name__ == "__main__":
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    tie_to_parent(settings["parent"])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # FiftyOne prints, and standard output is for answers
    FiftyOneServer(settings, answers).main()
    os._exit(0)  # threads of the database's client would take seconds to end
