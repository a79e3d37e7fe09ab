"""CAN: labels that are a line from the middle of a calculation. Labels that were cut off are SEM."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.braces import RELATIONS
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_FIRST_RELATIONS = RELATIONS | {r"\Rightarrow"}


_RELATION = (
    rf"(?:{'|'.join(re.escape(token) + '(?:[^A-Za-z]|$)' * (len(token) > 1) for token in sorted(_FIRST_RELATIONS))})"
)


@rule("CAN009", "leading-relation", "info", has(r"^[\s{~&]*" + _RELATION), weight=0.0, covers=["CAN9"])
def leading_relation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that begins with a relation: `= 2 x + 1`.

    Why: It is one line of a longer calculation. That is legitimate, but such labels teach a model to start with `=`, so
    it is worth knowing how many there are.
    Fires: ``= 2 x + 1`` -> ``=``
    Fires: ``\leq 3`` -> ``\leq``
    Quiet: ``y = 2 x``
    Quiet: ``- 2 x``
    Quiet: ``< \psi _ { 1 } > = 0``
    Fix: None.
    See: 10.3 % of HME100K's training labels.
    """
    for index, token in enumerate(label.tokens[:3]):
        if token in _FIRST_RELATIONS:
            if token == "<" and not label.words.isdisjoint((">", r"\rangle")):
                return  # a bracket: < x >
            yield label.at(
                index, index + 1, "the label begins with a relation: it is probably one line of a longer calculation"
            )
            return
        if token not in ("{", "&", "~"):
            return
