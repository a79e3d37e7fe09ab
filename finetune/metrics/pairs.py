"""Reads (truth, prediction) pairs once, for every metric: keys, tokens, whether they look alike. Scores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from finetune.metrics import isolation, layout_tree
from finetune.metrics.alignment import ALIKE, Compared, compare
from finetune.metrics.catalogue import all_metrics, in_words
from finetune.metrics.metric import Numbers
from rules import engine
from rules.latex import lexer
from rules.selection import Ruleset

Tokens = list[str]
#: Called with how much is done, and of how much.
Progress = Callable[[int, int], None]
#: A pair as sent to another process: truth and prediction, their visual keys, their canonical forms.
Read = tuple[str, str, str | None, str | None, str | None, str | None]


@dataclass(frozen=True)
class Pairs:
    """What metrics can use of some pairs. Every list and array is in the order of the pairs.

    `raw` and `canonical` have the tokens of both sides, as docs/metrics.md defines them. `keys` has the visual key of
    every truth and prediction, or None. `alike` is 1 if both sides look the same, else 0. A metric that takes long may
    use `workers` processes, and calls `progress`, if given, with (done, of).
    """

    truths: Sequence[str]
    predictions: Sequence[str]
    raw: Sequence[tuple[Tokens, Tokens]]
    canonical: Sequence[tuple[Tokens, Tokens]]
    keys: Mapping[str, str | None]
    alike: Numbers
    workers: int = 1
    progress: Progress | None = None
    forms: Mapping[str, str | None] = field(default_factory=dict)
    #: The findings in truths and predictions, by text, as rows of `rules.findings`; see `read_pairs`.
    findings: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    #: The alignments, once they are made, here or in another process.
    aligned: list[Compared] = field(default_factory=list, repr=False)
    #: The pairs from which these were taken, and their place there.
    whole: tuple[Pairs, slice] | None = None

    def __len__(self) -> int:
        return len(self.truths)

    def at(self, places: slice) -> Pairs:
        """Some of the pairs."""
        return replace(
            self,
            truths=self.truths[places],
            predictions=self.predictions[places],
            raw=self.raw[places],
            canonical=self.canonical[places],
            alike=self.alike[places],
            whole=(self, places),
        )

    @cached_property
    def texts(self) -> list[tuple[str, str]]:
        """The truth and prediction of every pair."""
        return list(zip(self.truths, self.predictions, strict=True))

    @property
    def compared(self) -> Sequence[Compared]:
        """The alignment of the layout trees of both sides; `ALIKE` for a pair that looks the same.

        If an alignment fails, the trees count as having nothing in common. This is caught here because evaluations also
        use alignments.
        """
        if self.whole is not None:  # each pair is aligned, and fails, once
            pairs, places = self.whole
            return pairs.compared[places]
        if not self.aligned:
            part = in_words(metric for metric in all_metrics().values() if metric.reads == "layout")
            aligned = [
                ALIKE if alike else isolation.of_one(partial(_compared, *tokens), Compared(0.0, 0.0), part, pair)
                for alike, tokens, pair in zip(self.alike, self.canonical, self.texts, strict=True)
            ]
            self.aligned.extend(aligned)
        return self.aligned

    def read(self) -> list[Read]:
        """The pairs in a form for another process, for `of_read`."""
        keys, forms = self.keys, self.forms
        return [(one, other, keys[one], keys[other], forms[one], forms[other]) for one, other in self.texts]


def read_pairs(
    pairs: Iterable[tuple[str, str]],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    of_truths: Ruleset | None = None,
    of_predictions: Ruleset | None = None,
) -> Pairs:
    """Read (truth, prediction) pairs. Raises ValueError without pairs, TypeError for a pair that isn't two strings.

    of_truths, of_predictions: rules whose findings to include. A prediction that is also a truth has those of the
    truth.
    """
    truths: list[str] = []
    predictions: list[str] = []
    for number, (truth, prediction) in enumerate(pairs):
        if not isinstance(truth, str) or not isinstance(prediction, str):
            raise TypeError(f"pair {number}: a pair is two strings, truth and prediction, not {(truth, prediction)!r}")
        truths.append(lexer.whole(truth))
        predictions.append(lexer.whole(prediction))
    if not truths:
        raise ValueError("there are no pairs to score")
    keys: dict[str, str | None] = {}
    forms: dict[str, str | None] = {}
    findings: dict[str, list[Mapping[str, Any]]] = {}
    # The engine reads every distinct label once. Without rules it computes only canonical forms and keys.
    truth_rules, rules = of_truths or Ruleset(()), of_predictions or Ruleset(())
    apart = [(truths, truth_rules), (predictions, rules)]
    for texts, ruleset in apart if truth_rules != rules else [([*truths, *predictions], rules)]:
        distinct = [text for text in dict.fromkeys(texts) if text not in keys]
        judged = engine.judge(distinct, ruleset, workers=workers)
        keys.update(zip(distinct, judged.labels["visual_key"], strict=True))
        forms.update(
            (text, text if form == text else form)  # one string, not two equal ones
            for text, form in zip(distinct, judged.labels["canonical"], strict=True)
        )
        for row in judged.findings.iter_rows(named=True):
            findings.setdefault(distinct[row["row"]], []).append(row)
    return replace(_pairs(truths, predictions, keys, forms, workers, progress), findings=findings)


def of_read(read: Sequence[Read]) -> Pairs:
    """The pairs that `Pairs.read` returned in another process."""
    keys: dict[str, str | None] = {}
    forms: dict[str, str | None] = {}
    for truth, prediction, *others in read:
        keys[truth], keys[prediction], forms[truth], forms[prediction] = others
    return _pairs([one[0] for one in read], [one[1] for one in read], keys, forms)


def _pairs(
    truths: Sequence[str],
    predictions: Sequence[str],
    keys: Mapping[str, str | None],
    forms: Mapping[str, str | None],
    workers: int = 1,
    progress: Progress | None = None,
) -> Pairs:
    split = {text: text.split() for text in keys}
    raw = [(split[truth], split[prediction]) for truth, prediction in zip(truths, predictions, strict=True)]
    canonical = list(_canonical(truths, predictions, forms, split))
    alike = (
        _look_alike(keys[truth], keys[prediction], tokens)
        for truth, prediction, tokens in zip(truths, predictions, raw, strict=True)
    )
    matches = np.fromiter(alike, np.float64, len(truths))
    return Pairs(truths, predictions, raw, canonical, keys, matches, workers, progress, forms)


def _compared(truth: Tokens, prediction: Tokens) -> Compared:
    return compare(layout_tree.read(" ".join(truth)), layout_tree.read(" ".join(prediction)))


def _canonical(
    truths: Sequence[str], predictions: Sequence[str], forms: Mapping[str, str | None], split: Mapping[str, Tokens]
) -> Iterator[tuple[Tokens, Tokens]]:
    cut: dict[str, Tokens] = {}
    as_it_stands: dict[str, Tokens] = {}
    for truth, prediction in zip(truths, predictions, strict=True):
        first, second = forms[truth], forms[prediction]
        # Both sides are treated the same way, since canonical spelling reorders scripts, for example.
        if first is None or second is None:
            for text in (truth, prediction):
                if text not in as_it_stands:
                    as_it_stands[text] = layout_tree.tex_tokens(text)
            yield as_it_stands[truth], as_it_stands[prediction]
            continue
        for form in (first, second):
            if form not in cut:
                cut[form] = split[form] if form in split else form.split()
        yield cut[first], cut[second]


def _look_alike(truth: str | None, prediction: str | None, tokens: tuple[Tokens, Tokens]) -> bool:
    if truth is None or prediction is None:
        return tokens[0] == tokens[1]
    return truth == prediction
