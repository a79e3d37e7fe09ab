"""Chooses the examples for the page of `finetune compare`, and what to show of each. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rapidfuzz.distance import Levenshtein

from curate.base.tables import count
from curate.report.markup import code, marked, text
from curate.report.pictures import NO_ROOM, Pictures, Place
from finetune.compare.comparison import VERDICTS, Comparison
from finetune.compare.find_images import Images
from finetune.metrics.alignment import Compared
from finetune.metrics.error_kinds import name_of
from finetune.metrics.evaluation import Evaluated
from finetune.metrics.pairs import Pairs
from finetune.metrics.plots import confusion_words

MOST_CARDS = 500
MOST_OF_A_VERDICT = 200
#: Rows that are right in both files say little.
MOST_RIGHT = 12
#: Bytes of all pictures.
PICTURE_BYTES = 5_000_000
TEXT_BYTES = 3_000_000
#: Differences are searched up to this many tokens: what is shown of a label is cut earlier.
_MOST_TOKENS = 2000

#: For every model, the folder that the `image` of its rows is relative to.
Roots = Sequence[Path | None]


def choose(comparison: Comparison, doubted: Iterable[int]) -> list[int]:
    """The places of the rows to show: labels in doubt and those that changed most, verdicts in turn."""
    queues: list[list[int]] = [sorted(doubted)[:MOST_OF_A_VERDICT][::-1]]
    for verdict in VERDICTS:
        places = [place for place, one in enumerate(comparison.verdicts) if one == verdict]
        # Rows with a long label come last: a short one shows the same error better.
        places.sort(key=lambda place: (len(comparison.before.rows[place].gt) > 300, -_change_of(comparison, place)))
        queues.append(places[: MOST_RIGHT if verdict == "right" else MOST_OF_A_VERDICT][::-1])
    chosen: dict[int, None] = {}
    while len(chosen) < MOST_CARDS and any(queues):
        chosen.update(dict.fromkeys(queue.pop() for queue in queues if queue))
    return list(chosen)[:MOST_CARDS]


def _change_of(comparison: Comparison, place: int) -> float:
    return float(abs(comparison.after.closeness[place] - comparison.before.closeness[place]))


def place_of(comparison: Comparison, at: int, roots: Roots, images: Images | None) -> Place | None:
    """A sample's image, None if it has none."""
    rows = [model.rows[at] for model in comparison.models]
    ref, root = next(
        ((row.image, root) for row, root in zip(rows, roots, strict=True) if row.image is not None), (None, None)
    )
    if images is not None:
        ref, root = images.find(ref, rows[0].sample_id) or ref, images.root
    return None if ref is None else (root, ref)


class _Answer:
    """What is shown of one side's row: `place` of the difference, `at` of the pairs that were read once more."""

    def __init__(self, found: Evaluated, place: int, pairs: Pairs, at: int) -> None:
        self.row = found.rows[place]
        self.alike = bool(found.alike[place])
        self.ran_away = bool(found.runaway[place])
        self.kind = name_of(found.kinds[place])
        self.tokens = pairs.canonical[at]
        self.compared = pairs.compared[at]


def cards_of(
    comparison: Comparison,
    chosen: Sequence[int],
    places: Sequence[Place | None],
    found: Pictures,
    doubted: Mapping[int, str],
) -> list[dict[str, Any]]:
    """What is shown of each chosen row. places: of their images. doubted: what is said against its label."""
    cards = []
    picture_bytes = text_bytes = 0
    read = [model.read(chosen) for model in comparison.models]
    for at, (place, image) in enumerate(zip(chosen, places, strict=True)):
        room = picture_bytes < PICTURE_BYTES
        shown = None
        if image is not None:
            shown = found.of_image(image) if room else NO_ROOM
            picture_bytes += shown.size
        answers = [_Answer(model, place, pairs, at) for model, pairs in zip(comparison.models, read, strict=True)]
        # The truth is marked where the last wrong answer misread it.
        wrong = next((answer for answer in reversed(answers) if not answer.alike), answers[-1])
        sides = [_truth(wrong), *(_side(name, one) for name, one in zip(comparison.shown(60), answers, strict=True))]
        for side, label in zip(sides, (wrong.row.gt, *(answer.row.pred for answer in answers)), strict=True):
            side["picture"] = found.of_label(label) if room else NO_ROOM
            picture_bytes += side["picture"].size
        text_bytes += sum(len(side["label"]) + len(side["written"] or "") for side in sides) + 900
        if text_bytes > TEXT_BYTES:
            break
        cards.append(
            {
                "id": text(wrong.row.sample_id, 120),
                "verdict": comparison.verdicts[place],
                "kinds": " ".join(sorted({answer.kind for answer in answers} - {""})),
                "doubt": text(doubted.get(place, ""), 300),
                "image": shown,
                "image_name": None if image is None else text(image[1], 120),
                "sides": sides,
            }
        )
    return cards


def _truth(answer: _Answer) -> dict[str, Any]:
    """The truth, marked where an answer misread it."""
    truth, prediction = answer.tokens
    spans = [] if answer.alike else differences(truth, prediction)[0]
    return _shown("truth", answer.row.gt, truth, spans, "")


def _side(name: str, answer: _Answer) -> dict[str, Any]:
    truth, prediction = answer.tokens
    spans = [] if answer.alike else differences(truth, prediction)[1]
    said = "renders like the ground truth" if answer.alike else _errors(answer.compared, answer.kind)
    if answer.ran_away:
        said = f"ran away: {count(len(prediction))} tokens for {count(len(truth))}"
    return {**_shown(text(name, 60), answer.row.pred, prediction, spans, said), "alike": answer.alike}


def _shown(
    name: str, written: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]], said: str
) -> dict[str, Any]:
    spelled = " ".join(tokens)
    plain = written.split() == spelled.split()
    return {
        "name": name,
        "label": marked(spelled, spans) if spelled else Markup("<i>(nothing)</i>"),
        "written": None if plain or not written else code(written),
        "said": text(said, 400),
        "alike": None,
    }


def _errors(compared: Compared, kind: str) -> str:
    """What is wrong in one prediction, in words. kind: its kind of error."""
    counts = [(words_of("confused", name), n) for name, n in compared.confused.most_common()]
    counts += [(words_of("layout", name), n) for name, n in compared.layout.most_common()]
    words = [f"{what} ({n} times)" if n > 1 else what for what, n in counts[:8]]
    more = f", and {count(len(counts) - 8)} more" if len(counts) > 8 else ""
    if kind == "unread_label":
        words.insert(0, "compared by its tokens only, since the label can't be read as LaTeX")
    if words:
        return ", ".join(words) + more
    if kind == "unread_answer":
        return "the answer can't be read as LaTeX, although its symbols are in the right places"
    return "drawn differently, with the same symbols in the same places"


def differences(truth: Sequence[str], prediction: Sequence[str]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(start, end) of the difference, in the tokens of both sides joined by single spaces; empty if a side has none."""
    if len(truth) > _MOST_TOKENS or len(prediction) > _MOST_TOKENS:
        truth, prediction = truth[:_MOST_TOKENS], prediction[:_MOST_TOKENS]
    starts = [_starts(truth), _starts(prediction)]
    found: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for one in Levenshtein.opcodes(truth, prediction):
        if one.tag == "equal":
            continue
        for side, first, last in ((0, one.src_start, one.src_end), (1, one.dest_start, one.dest_end)):
            start = starts[side][first]
            found[side].append((start, max(starts[side][last] - 1, start) if last > first else start))
    return found


def _starts(tokens: Sequence[str]) -> list[int]:
    """Where each token starts, and where the next one would."""
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token) + 1
    return [*starts, at]


def words_of(kind: str, name: tuple[str, str]) -> str:
    """A confusion of symbols or of the layout, in words."""
    if kind == "layout":
        return confusion_words({"kind": name[0], "what": name[1]})
    return confusion_words({"truth": name[0] or None, "prediction": name[1] or None})
