r"""Extracts the formula from a model's answer: out of fences, JSON, HTML, dollars, a sentence. Repairs no LaTeX.

The rules are tried in the order of RULES, each on the result of the previous ones, and each at most once;
docs/prompts.md describes them. An answer that is a bare formula is unchanged except for white space at its ends.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from typing import Any

from curate.predictions.rows import Prediction
from rules import faults

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
# Qwen2-VL's and Qwen-VL's marks of places; the words between `ref` marks stay.
_BOX = re.compile(
    r"<\|(box|quad)_start\|>.*?(?:<\|\1_end\|>|\Z)|<(box|quad|bbox)>.*?(?:</\2>|\Z)|<bbox\s*/?>|<loc_\d+>", re.DOTALL
)
_MARK = re.compile(r"<\|[a-z_]{1,40}\|>|</?ref>")
_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*\n(.*?)(?:^[ \t]*\1[ \t]*$|(?:\1[ \t]*)?\Z)", re.DOTALL | re.MULTILINE
)
_ONE_LINE_FENCE = re.compile(r"\A```(?:(latex|tex|math|json|html)\b)?(.+?)(?:```)?\Z", re.DOTALL)
#: Fence languages whose content is the formula; among several fences, one of these wins.
_LATEX = frozenset({"latex", "tex", "math", "katex", "mathjax"})
#: Keys of a JSON object that hold the formula, most likely first. Prompts may ask for any of these.
JSON_KEYS = ("latex", "formula", "equation", "latex_code", "text_content", "text", "content", "label", "value")
# In an object with a place, `label` and `value` hold the formula, or name in a word or two what kind of thing it is.
_PLACE = re.compile(r".*(?:box|point|poly|quad).*")
_KIND_KEYS, _KIND = ("label", "value"), re.compile(r"[A-Za-z]{3,}(?:[ _-][A-Za-z]+)*")
# LaTeX backslashes that were not doubled for JSON: those before anything but an escape (`\{`), and before words.
_LONE_BACKSLASH = re.compile(r'(?<!\\)((?:\\\\)*)\\(?!["\\/]|u[0-9a-fA-F]{4}|[bfnrt](?![A-Za-z]))')
_TAG = re.compile(
    r"</?(?:html|head|body|div|p|span|img|br|hr|h[1-6]|ol|ul|li|b|i|em|strong|table|tbody|thead|tr|td|th|formula|math|"
    r"equation|pre|code|section|main)\b[^<>]*>",
    re.IGNORECASE,
)
#: `a <b> c` may be a formula, but not if it has a closing tag or a tag with an attribute.
_IS_HTML = re.compile(r"</[A-Za-z][A-Za-z0-9]*>|<[A-Za-z]+\s+[A-Za-z-]+=[\"']")
_FORMULA = re.compile(
    r"<(div|p|span|formula|math|equation)\b(?=[^<>]*(?:class=[\"'](?:formula|equation|math)\b)|(?<=formula)|(?<=equation))"
    r"[^<>]*>(.*?)(?:</\1>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_DOCUMENT = re.compile(r"\\begin\s*\{document\}(.*?)(?:\\end\s*\{document\}|\Z)", re.DOTALL)
# What opens a formula and what closes it; a dollar closes a dollar.
_DISPLAY = re.compile(r"\$\$|(?<!\\)\\\[|\\begin\s*\{(?P<name>(?:equation|displaymath|math)\*?)\}")
_INLINE = re.compile(r"(?<!\\)\\\(|(?<![\\$])\$(?!\$)")
_CLOSING = {
    "$$": re.compile(r"\$\$"),
    r"\[": re.compile(r"(?<!\\)\\\]"),
    r"\(": re.compile(r"(?<!\\)\\\)"),
    "$": re.compile(r"(?<!\\)\$(?!\$)"),
}
_BRACE = re.compile(r"(?<!\\)[{}]")
_OPEN = re.compile(r"\A(?:\$\$|\\\[|\\\(|\$)(?!\$)")
_LEAD = re.compile(
    r"\A(?:sure|certainly|of course|here(?:'s| is| are)|the (?:la)?tex|the (?:formula|equation|expression|image)"
    r"|(?:la)?tex(?: code)?|answer|formula|output)\b[^:\n\\${}]{0,100}:[ \t]*\n?",
    re.IGNORECASE,
)
_CODE = re.compile(r"\A(`+)(?!`)(.+?)\1\Z", re.DOTALL)
_BOLD = re.compile(r"\A(\*\*|__)(?=\S)(.+?)(?<=\S)\1\Z", re.DOTALL)
#: A text with none of these is left alone by every rule: most answers of a model trained on bare formulas.
_MARKS = ("$", "`", "~~~", "<", ":", '"', "**", "__", r"\[", r"\(", "{equation", "{displaymath", "{math", "{document")


def unwrap(answer: str, keep: Container[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The formula in a model's answer, and the names of the RULES that removed something.

    If nothing would be left, the answer stays as it is. keep: rules to skip.
    """
    text = answer.strip()
    if not any(mark in text for mark in _MARKS):
        return (text, ()) if text else (answer, ())
    used = []
    for name, rule in RULES.items():
        if name in keep:
            continue
        found = rule(text).strip()
        if found and found != text:
            text = found
            used.append(name)
    return (text, tuple(used)) if text else (answer, ())


def unwrap_rows(rows: Sequence[Prediction]) -> tuple[list[Prediction], Counter[str], int]:
    """The rows with unwrapped answers; how many each of the RULES changed; how many changed in all.

    Something that also surrounds the truth, such as dollars in a set whose labels have them, stays around the answer.
    """
    new: list[Prediction] = []
    rules: Counter[str] = Counter()
    changed = 0
    for row in rows:
        text, used = _unwrapped(row)
        rules.update(used)
        changed += bool(used)
        new.append(replace(row, pred=text) if used else row)
    return new, rules, changed


def _unwrapped(row: Prediction) -> tuple[str, tuple[str, ...]]:
    """`unwrap` for the answer of a row; as it stands where that fails."""
    try:
        text, used = unwrap(row.pred)
        if used and (around := unwrap(row.gt)[1]):
            text, used = unwrap(row.pred, around)
        return text, used
    except BaseException as error:
        faults.caught("unwrapping", error, row.pred, of="answer")
        return row.pred, ()


def _places(text: str) -> str:
    return _MARK.sub("", _BOX.sub("", _THOUGHT.sub("", text)))


def _fence(text: str) -> str:
    found = [(match.group(2).lower(), match.group(3)) for match in _FENCE.finditer(text)]
    if not found:
        line = _ONE_LINE_FENCE.match(text)
        return line.group(2) if line else text
    return next((inside for language, inside in found if language in _LATEX), found[0][1])


def _json(text: str) -> str:
    if not text.startswith(("{", "[")) or '"' not in text:
        return text
    value = _parsed(text)
    found = list(_formulas(value)) if isinstance(value, dict | list) else []
    return r" \\ ".join(found) if found else text


def _parsed(text: str) -> Any:
    """The JSON value, with LaTeX backslashes doubled if the model didn't; None if it is not JSON."""
    for attempt in (_LONE_BACKSLASH.sub(r"\1\\\\", text), text):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _formulas(value: Any) -> Iterator[str]:
    """The formulas in an object, a list of objects, or nested inside them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict | list):
                yield from _formulas(one)
    elif isinstance(value, dict):
        lower = {str(key).lower(): inner for key, inner in value.items()}
        placed = any(_PLACE.fullmatch(key) for key in lower)
        texts = [(key, lower[key]) for key in JSON_KEYS if isinstance(lower.get(key), str)]
        found = [text for key, text in texts if not (placed and key in _KIND_KEYS and _KIND.fullmatch(text))]
        if found:
            yield found[0]
            return
        for inner in lower.values():
            if isinstance(inner, dict | list):
                yield from _formulas(inner)


def _markup(text: str) -> str:
    if not _IS_HTML.search(text):
        return text
    inside = [match.group(2) for match in _FORMULA.finditer(text)]
    kept = [html.unescape(_TAG.sub("", one)).strip() for one in inside] or [html.unescape(_TAG.sub(" ", text)).strip()]
    return r" \\ ".join(one for one in kept if one)


def _delimiters(text: str) -> str:
    document = _DOCUMENT.search(text)
    if document:
        text = document.group(1).strip()
    found = list(_between(text, _DISPLAY))
    if not found:
        found = list(_between(text, _INLINE))
        if len(found) > 1:  # `$a$ and $b$` is one line of text and formulas
            return text
    if found:
        return r" \\ ".join(found)
    return _OPEN.sub("", text)  # the answer was cut off before the closing one


def _between(text: str, opening: re.Pattern[str]) -> Iterator[str]:
    r"""The content of delimiters outside braces: `\text{if $x$}` belongs to the formula.

    Takes linear time: an opener that was found unclosed is not searched again.
    """
    unclosed: set[str] = set()
    at = depth = 0
    while found := opening.search(text, at):
        depth += sum(1 if brace.group() == "{" else -1 for brace in _BRACE.finditer(text, at, found.start()))
        at = found.end()
        name = found.groupdict().get("name")
        mark = name or found.group()
        if depth > 0 or mark in unclosed:
            continue
        closing = re.compile(rf"\\end\s*\{{{re.escape(name)}\}}") if name else _CLOSING[mark]
        end = closing.search(text, at)
        if end is None:
            unclosed.add(mark)
        else:
            if inside := text[at : end.start()].strip():
                yield inside
            at = end.end()


def _sentence(text: str) -> str:
    return _LEAD.sub("", text)


def _marks(text: str) -> str:
    for pattern in (_BOLD, _CODE):
        match = pattern.match(text)
        if match:
            text = match.group(2)
    return text


#: Name and function of every rule, in order.
RULES: dict[str, Callable[[str], str]] = {
    "places": _places,
    "fence": _fence,
    "json": _json,
    "html": _markup,
    "sentence": _sentence,
    "markdown": _marks,
    "delimiters": _delimiters,
}
