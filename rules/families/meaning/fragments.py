"""CAN, SEM and LEN: labels that begin or end in the middle of a formula, and labels of an odd size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.options import count
from rules.registry import Options, rule
from rules.toolkit.braces import RELATIONS
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_TOKENS = pl.col("tokens")
#: What may stand before the first sign and draws nothing.
_FIRST = r"^[\s{~&]*"
_FIRST_RELATIONS = RELATIONS | {r"\Rightarrow"}
_RELATION = (
    rf"(?:{'|'.join(re.escape(token) + '(?:[^A-Za-z]|$)' * (len(token) > 1) for token in sorted(_FIRST_RELATIONS))})"
)
_OPERATORS = "leq?|geq?|neq?|approx|equiv|times|div|pm|cdot|simeq|cong"
_TRAILING = re.compile(rf"[=<>+]$|\\(?:{_OPERATORS})$")


@rule("CAN009", "leading-relation", "info", has(_FIRST + _RELATION))
def leading_relation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that begins with a relation: `= 2 x + 1`.

    Why: It is one line of a longer calculation. That is legitimate, but a data set should know how many it has: they
    teach a model to start with `=`.
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
            yield label.at(index, index + 1, "the label begins with a relation: a line of a longer calculation")
            return
        if token not in ("{", "&", "~"):
            return


@rule("SEM017", "trailing-operator", "info", has(rf"(?:[=<>+]|\\(?:{_OPERATORS}))\s*$"))
def trailing_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that ends with an operator or a relation: `x + y =`.

    Why: The line was cut, or a field to fill in was left out. Where the picture goes on, the label lost its end.
    Fires: ``x + y =`` -> ``=``
    Fires: ``2 \times`` -> ``\times``
    Quiet: ``x + y = 2``
    Quiet: ``x ^ { + }``
    Quiet: ``< a >``
    Quiet: ``x _ -``
    Fix: None: look at the picture.
    """
    tokens = label.tokens
    if len(tokens) < 2 or not _TRAILING.search(tokens[-1]) or tokens[-2] in ("_", "^", "{"):
        return
    if tokens[-1] == ">" and ("<" in tokens or "|" in tokens or r"\vert" in tokens or r"\mid" in tokens):
        return
    yield label.at(len(tokens) - 1, len(tokens), f"the label ends with {tokens[-1]}")


@rule(
    "SEM018",
    "leading-punctuation",
    "info",
    has(_FIRST + r"(?:[,;:)\]/]|\.(?:\s*\D|$)|\\(?:\}|times|div|cdot)(?:[^a-z]|$))"),
)
def leading_punctuation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that begins with punctuation, a closing parenthesis or a multiplication sign: `, A D = B C`, `) \div 3`.

    Why: What stood before it was cut from the label; often it is still in the picture.
    Fires: ``, A D = B C`` -> ``,``
    Fires: ``) \div 3`` -> ``)``
    Quiet: ``( 1 ) x = 2``
    Quiet: ``. 5 + 1``
    Quiet: ``- 2``
    Fix: None: look at the picture.
    See: 471 labels of HME100K's training set.
    """
    for index, token in enumerate(label.tokens[:2]):
        if token in _LEADING and not (
            token == "." and label.tokens[index + 1 : index + 2][:1] and label.tokens[index + 1].isdecimal()
        ):
            yield label.at(index, index + 1, f"the label begins with {token}")
            return
        if token not in ("{", "~"):
            return


_LEADING = frozenset([",", ";", ":", ")", "]", "/", ".", r"\}", r"\times", r"\div", r"\cdot"])


#: LEN001 takes no smaller limit: its sieve lets longer labels through.
_FEWEST = 60


@rule("LEN001", "too-many-tokens", "info", _TOKENS > _FEWEST, options={"most": count(150, at_least=_FEWEST)})
def too_many_tokens(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label of more tokens than most trainers take: 150, unless the option `most` (60 or more) says otherwise.

    Why: The target is cut, and the model learns to stop early; or one sample takes the memory of ten.
    Fires: ``1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1``
    Quiet: ``x + 1``
    Fix: None: leave it out, or raise the limit of the trainer. TeX tokens are counted; a model's tokenizer makes more.
    See: im2markup preprocess_filter.py (150), TexTeller globals.py (1,024).
    """  # noqa: E501
    if len(label.tokens) > options["most"]:
        yield Finding(f"{len(label.tokens)} tokens, more than {options['most']}", 0, len(label.text))


@rule("LEN002", "no-structure", "info", (_TOKENS > 1) & ~has(r"[\\_^(){}]"), profiles=("printed",))
def no_structure(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label without a command, script, brace or parenthesis: `a = b + 1`.

    Why: In a set of typeset formulas it is often a stray word or number; LaTeX-OCR's cleaning deletes all of them.
    Fires: ``a = b + 1``
    Quiet: ``x ^ { 2 }``
    Quiet: ``\alpha``
    Fix: None. In handwriting, where plain arithmetic is common, the rule is off.
    See: LaTeX-OCR postprocess.py.
    """
    if len(label.tokens) > 1 and not _STRUCTURE.search(label.text):
        yield Finding("no command, script or parenthesis: maybe no formula at all", 0, len(label.text))


_STRUCTURE = re.compile(r"[\\_^(){}]")


@rule("LEN004", "single-token", "info", pl.col("tokens") == 1, profiles=("printed",))
def single_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label of one token.

    Why: In a set of typeset formulas it is often a crop that failed, or a label cut after its first token.
    Fires: ``x`` -> ``x``
    Fires: ``\alpha`` -> ``\alpha``
    Quiet: ``x y``
    Fix: None. In handwriting, where sets hold single symbols on purpose, the rule is off.
    See: 257 labels of HME100K's training set.
    """
    yield label.at(0, 1, "the label is a single token")
