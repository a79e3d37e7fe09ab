"""CAN: scripts, primes and root indices that are not in their canonical spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.actions import ACTIONS, COMMAND
from rules.options import OFF
from rules.registry import EVERY, PUPILS_SLIP, Options, rule
from rules.toolkit.braces import base_of, nesting, places
from rules.toolkit.label import Label
from rules.toolkit.sieves import WITHIN, has, has_text


@rule(
    "CAN002",
    "script-order",
    "info",
    has(rf"\^\s*(?:[^\s{{\\]|\\prime|\{{{WITHIN}\}})\s*_"),
    fix="safe",
    fix_kind="style",
    skips_canonical=True,
    covers=["CAN2"],
)
def script_order(label: Label, options: Options) -> Iterator[Finding]:
    r"""The superscript before the subscript: `x ^ { 2 } _ { i }`.

    Why: LaTeX draws both orders alike, so the picture can't tell a model which one to write.
    Fires: ``x ^ { 2 } _ { i }`` -> ``^ { 2 } _ { i }`` => ``x _ { i } ^ { 2 }``
    Fires: ``x^2_i`` -> ``^2_i`` => ``x_i^2``
    Fires: ``\sum ^ { n } _ { i = 1 } i`` -> ``^ { n } _ { i = 1 }`` => ``\sum _ { i = 1 } ^ { n } i``
    Quiet: ``x _ { i } ^ { 2 }``
    Quiet: ``x ^ { 2 } y _ { i }``
    Quiet: ``x ^ { 2 _ { i } }``
    Quiet: ``x ^ { 2 } { } _ { i }``
    Fix: Safe: the subscript first.
    See: 35 labels in one public copy of CROHME's training set, none in another.
    """
    tokens = label.tokens
    pairs = label.partners
    for index in label.find("^"):
        sup_end = _script_end(tokens, index, pairs)
        if sup_end is None or sup_end >= len(tokens) or tokens[sup_end] != "_" or nesting(tokens, index, sup_end) > 3:
            continue
        sub_end = _script_end(tokens, sup_end, pairs)
        before = base_of(tokens, index)
        if sub_end is None or before is None or tokens[sub_end : sub_end + 1] in (["^"], ["_"], ["'"]):
            continue
        sup = label.text[label.spans[index][0] : label.spans[sup_end - 1][1]]
        sub = label.text[label.spans[sup_end][0] : label.spans[sub_end - 1][1]]
        gap = label.text[label.spans[sup_end - 1][1] : label.spans[sup_end][0]]
        yield label.at(index, sub_end, "the superscript comes before the subscript", f"{sub}{gap}{sup}")


def _script_end(tokens: list[str], script: int, pairs: dict[int, int]) -> int | None:
    """The token after the script whose sign is at `script`; None if that depends on what a command takes."""
    at = script + 1
    if at in pairs:
        return pairs[at] + 1
    if at < len(tokens) and ((len(tokens[at]) == 1 and tokens[at] not in "{}_^&'") or tokens[at] == r"\prime"):
        return at + 1
    return None


_BARE_PRIME = re.compile(r"(?<!\S)(?<![\^{,] )(?<!\\prime )(?<!\\, )(?:[A-Za-z]|\\[a-z]+|[)\]}])( \\prime)+(?!\S)")


@rule(
    "CAN004",
    "bare-prime",
    "warning",
    has(r"\\prime"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["CAN4"],
)
def bare_prime(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\prime` without `^`: `y \prime`.

    Why: LaTeX draws a large prime on the baseline. `y ^ { \prime }` was meant.
    Fires: ``y < y \prime`` -> ``\prime`` => ``y < y ^ { \prime }``
    Fires: ``f \prime ( x )`` -> ``\prime`` => ``f ^ { \prime } ( x )``
    Quiet: ``y ^ { \prime }``
    Quiet: ``y ^ { \prime \prime }``
    Quiet: ``y ^ { i \prime }``
    Quiet: ``y ^ \prime``
    Quiet: ``\prime``
    Quiet: ``x = \overset \prime y``
    Fix: Unsafe: `^ { \prime }`.
    See: Two labels of CROHME 2014.
    """
    words = _script_tokens(label)
    for place in places(label, _BARE_PRIME):
        start = label.tokens.index(r"\prime", place.start)
        before = label.tokens[start - 1]
        if start not in words and before not in _NOT_PRIMED and ACTIONS.get(before) != COMMAND:
            primes = " ".join(label.tokens[start : place.end])
            yield label.at(start, place.end, "\\prime without ^ is drawn large on the baseline", f"^ {{ {primes} }}")


_NOT_PRIMED = frozenset(
    [r"\quad", r"\qquad", r"\left", r"\right", r"\cdot", r"\times", r"\rm", r"\bf", r"\scriptstyle", r"\sp", r"\sb"]
)


def _script_tokens(label: Label) -> set[int]:
    """The tokens inside scripts."""
    inside: set[int] = set()
    for _, opening, closing in label.scripts:
        inside.update(range(opening, closing))
    return inside


@rule(
    "CAN011",
    "quote-prime",
    "info",
    has_text("'"),
    fix="safe",
    fix_kind="style",
    options={EVERY: OFF},
    skips_canonical=True,
    covers=["CAN4"],
)
def quote_prime(label: Label, options: Options) -> Iterator[Finding]:
    r"""A prime written as a quote: `f'` for `f ^ { \prime }`.

    Why: These are two spellings of one sign. Tokenised data sets write `^ { \prime }`.
    Fires: ``f' ( x )`` -> ``'`` => ``f^ { \prime } ( x )``
    Fires: ``f'' + g'`` -> ``''`` => ``f^ { \prime \prime } + g^ { \prime }``
    Quiet: ``f ^ { \prime } ( x )``
    Quiet: ``\text{don't}``
    Quiet: ``x ^ { ' }``
    Fix: Safe: `^ { \prime }`. Only the first place in a label is reported; with `every = true`, every place.
    """
    runs: list[tuple[int, int]] = []  # (first quote, token after the last)
    for index in label.find("'"):
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        elif index in label.prose or (index and label.tokens[index - 1] in ("{", "^")):
            continue
        else:
            runs.append((index, index + 1))
    more = f", one of {len(runs)} in this label" if len(runs) > 1 else ""
    for start, end in runs if options[EVERY] else runs[:1]:
        adjacent = all(label.spans[i][1] == label.spans[i + 1][0] for i in range(start, end - 1))
        follows = label.tokens[end : end + 1] in (["^"], ["_"])
        replacement = f"^ {{ {' '.join([chr(92) + 'prime'] * (end - start))} }}" if adjacent and not follows else None
        yield label.at(start, end, f"a prime written as a quote{more}", replacement)


@rule(
    "CAN012",
    "quote-in-script",
    "info",
    has(r"\^\s*\{\s*'"),
    fix="unsafe",
    fix_kind="style",
    skips_canonical=True,
    covers=["CAN4"],
)
def quote_in_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A quote inside a superscript: `f ^ { ' }`.

    Why: The quote is a superscript itself, so LaTeX raises it twice and draws it smaller than a prime.
    Fires: ``f ^ { ' }`` -> ``'`` => ``f ^ { \prime }``
    Fires: ``\eta^{'\nu}`` -> ``'`` => ``\eta^{\prime\nu}``
    Quiet: ``f'``
    Quiet: ``f ^ { \prime }``
    Quiet: ``x ^ { f' }``
    Fix: Unsafe: `\prime`, which is drawn larger and lower.
    See: 21 labels of the normalised im2latex validation set.
    """
    for index in label.find("'"):
        if label.tokens[max(0, index - 2) : index] == ["^", "{"]:
            end = index + 1
            while label.tokens[end : end + 1] == ["'"]:
                end += 1
            primes = " ".join([r"\prime"] * (end - index))
            yield label.at(index, end, "a quote in a superscript is raised twice", primes)


@rule(
    "CAN021",
    "root-index-two",
    "info",
    has(r"\\sqrt\s*\[\s*2\s*\]"),
    fix="unsafe",
    fix_kind="style",
    covers=["CAN-more"],
)
def root_index_two(label: Label, options: Options) -> Iterator[Finding]:
    r"""A square root with an index: `\sqrt [ 2 ] { x }`.

    Why: Hardly anybody writes the 2. More often it is a factor in front of the root: `2 \sqrt { 3 }`.
    Fires: ``\sqrt [ 2 ] { x }`` -> ``[ 2 ]`` => ``\sqrt { x }``
    Quiet: ``\sqrt { x }``
    Quiet: ``\sqrt [ 3 ] { x }``
    Fix: Unsafe: no index. Look at the picture.
    """
    for index in label.find(r"\sqrt"):
        if label.tokens[index + 1 : index + 4] == ["[", "2", "]"]:
            yield label.at(index + 1, index + 4, "a square root is hardly ever written with its index", "")
