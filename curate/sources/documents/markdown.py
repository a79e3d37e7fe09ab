r"""Finds the formulas of a Markdown document, as Pandoc and GitHub read them. Judges none.

`$…$` has no space inside its dollar signs, no letter or digit before the first and no digit after the last, so prices
don't count. A letter may follow only as an ending (`$n$th`), so `$HOME/$USER` doesn't count. `$$…$$`, fences of the
language `math`, `` $`…`$ `` and `\begin{align}` are display or inline math. `\(…\)` and `\[…\]` are escaped brackets in
Markdown; they are read if any of them in the document holds LaTeX. Code, HTML, links and addresses are skipped.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from curate.sources.documents.definitions import DEFINING, Definitions, read_definition
from curate.sources.documents.found import LEFT_OUT, Found, Unread
from curate.sources.documents.latex import DISPLAYS, Scan

QUOTED = f"{LEFT_OUT}a formula of several lines in a quotation"
NOT_CLOSED = "$$ is not closed before the end of its paragraph"

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_MARKER = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)|\[\^[^\]\n]+\]:")
_FRONT = re.compile(r"\A\ufeff?(---|\+\+\+)[ \t]*\r?\n(?:[^\n]*\n){0,400}?(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_ATTRIBUTES = r"""(?:\s+[A-Za-z_:@][\w:.-]*(?:\s*=\s*(?:"[^"<]{0,2000}"|'[^'<]{0,2000}'|[^\s"'=<>`]+))?)*\s*/?"""
_OUTSIDE = re.compile(
    rf"""
    (?P<remark><!--)
  | <(?P<raw>pre|script|style|textarea|code|kbd|svg)\b[^<>]{{0,500}}>
  | (?P<skipped></?[A-Za-z][A-Za-z0-9-]*{_ATTRIBUTES}> | <[A-Za-z][A-Za-z0-9+.-]{{1,31}}:[^\s<>]*>
    | \]\([^()\s]{{0,2000}}(?:\([^()\s]{{0,200}}\)[^()\s]{{0,500}})?(?:[ \t]+"[^"\n]{{0,300}}")?\)
    | \bhttps?://[^\s<>)\]]* )
  | (?P<github>\$`(?P<label>[^`\n]+)`\$)
  | (?P<ticks>`+)
  | \\begin[ \t]*\{{(?P<environment>[^{{}}\n]*)\}}
  | \\(?P<defining>{DEFINING})(?![A-Za-z@])
  | (?P<double>\\\\[(\[])
  | (?P<single>\\[(\[])
  | (?P<escaped>\\.)
  | (?P<dollars>\$+)
    """,
    re.VERBOSE | re.DOTALL,
)
_INSIDE = re.compile(
    r"""
    (?P<text>\\(?:text|mbox|hbox|textrm|textbf|textit)(?![A-Za-z]))
  | (?P<bracket>\\\\?[()\]])
  | (?P<escaped>\\.)
  | (?P<dollars>\$+)
  | (?P<stop>\n(?=[ \t>\r]*(?:\n|\Z|\||```|~~~|\#{1,6}[ ]|[-*+][ ]+\S.*\n[ \t]*[-*+][ ]|\d{1,9}[.)][ ])))
    """,
    re.VERBOSE,
)
#: What may directly follow `$…$` although it is a letter.
_ENDING = re.compile(r"(?:th|st|nd|rd|s|D|d|x)(?![A-Za-z0-9])")
_IS_LATEX = re.compile(r"\\[A-Za-z]{2}|\^|_\{")


def find_formulas(text: str, definitions: Definitions) -> Found:
    """The formulas of a Markdown document. Adds the document's definitions to `definitions`."""
    masked, fences = _without_code(text)
    scan = _Markdown(masked, definitions)
    scan.brackets = any(_IS_LATEX.search(masked, start, end) for start, end in scan.bracketed())
    scan.run()
    for start, end in fences:
        inner = Scan(text, definitions)
        inner.in_delimiters(start, start, end, "display")
        scan.found.add(inner.found)
    return scan.found.in_order()


def _without_code(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with its front matter and code blanked out; and the spans of ```math fences."""
    front = _FRONT.match(text)
    at = front.end() if front else 0
    pieces = [_blank(text[:at])]
    fences: list[tuple[int, int]] = []
    mark, body = "", -1  # of the open fence, and where its formula begins
    after_blank, in_list = True, False
    for match in _LINE.finditer(text, at):
        line = match[0]
        fence = _FENCE.match(line)
        if mark:
            closes = fence and fence["mark"].startswith(mark) and not fence["info"].strip()
            if closes:
                if body >= 0:
                    fences.append((body, match.start()))
                mark, after_blank = "", True
            pieces.append(_blank(line))
        elif fence and not (fence["mark"][0] == "`" and "`" in fence["info"]):
            mark = fence["mark"]
            body = match.end() if fence["info"].strip().strip("{}") == "math" else -1
            pieces.append(_blank(line))
        elif not line.strip():
            after_blank = True
            pieces.append(line)
        else:
            indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
            is_item = _MARKER.match(line) is not None
            if after_blank and not in_list and indent >= 4:
                pieces.append(_blank(line))
                continue
            in_list = is_item or (in_list and (indent > 0 or not after_blank))
            after_blank = False
            pieces.append(line)
    return "".join(pieces), fences


def _blank(text: str) -> str:
    """A text of the same length: line ends kept, all other characters spaces."""
    return re.sub(r"[^\n]", " ", text)


class _Markdown(Scan):
    brackets = False

    def __init__(self, text: str, definitions: Definitions) -> None:
        super().__init__(text, definitions)
        #: By closing delimiter: the position up to which it was already searched for in vain.
        self._none_before: dict[str, int] = {}

    def run(self, at: int = 0) -> Found:
        text, search = self.text, _OUTSIDE.search
        runs: dict[int, list[int]] | None = None
        while (match := search(text, at)) is not None:
            at, kind = match.end(), match.lastgroup
            if kind == "dollars":
                at = self.dollars(match.start(), match.end())
            elif kind == "github":
                self.in_delimiters(match.start(), *match.span("label"), "inline")
            elif kind == "ticks":
                runs = runs if runs is not None else _runs(text)
                same = runs[at - match.start()]
                following = bisect.bisect_left(same, at)
                at = same[following] + len(match[0]) if following < len(same) else at
            elif kind in ("remark", "raw"):
                at = self.skipped("-->" if kind == "remark" else f"</{match['raw']}", at)
            elif kind == "environment":
                name = match["environment"].strip()
                if name in DISPLAYS or name in self.definitions.environments:
                    at = self.environment(match.start(), name, at)
            elif kind == "defining":
                made = read_definition(text, match["defining"], at, self.braces)
                self.definitions.note(made)
                at = made.end
            elif kind in ("double", "single"):
                at = self.bracket(match.start(), at)
        return self.found

    def skipped(self, end: str, at: int) -> int:
        """The position of `end`; `at` itself if there is none."""
        if at < self._none_before.get(end, 0):
            return at
        found = self.text.find(end, at)
        if found < 0:
            self._none_before[end] = len(self.text)
        return found if found >= 0 else at

    def dollars(self, begin: int, at: int) -> int:
        """What begins with a run of dollar signs; returns where to go on."""
        number = at - begin
        if number == 2:
            end, closing = self.until(at, "$$")
            if closing:
                self.in_delimiters(begin, at, end, "display")
                return end + 2
            line = self.text.rfind("\n", 0, begin) + 1
            if not self.text[line:begin].strip(" \t>-*+0123456789."):
                self.found.unread.append(Unread(begin, NOT_CLOSED))
            else:
                self.found.passed += 1
            return at
        if number == 1 and self.opens(begin):
            end, closing = self.until(at, "$")
            if closing == "$" and self.closes(end):
                self.in_delimiters(begin, at, end, "inline")
                return end + 1
        self.found.passed += 1
        return at

    def opens(self, at: int) -> bool:
        before, after = self.text[at - 1 : at] if at else "", self.text[at + 1 : at + 2]
        return not _is_word(before) and bool(after) and not after.isspace()

    def closes(self, at: int) -> bool:
        before, after = self.text[at - 1], self.text[at + 1 : at + 2]
        return not before.isspace() and (not _is_word(after) or _ENDING.match(self.text, at + 1) is not None)

    def until(self, at: int, closing: str) -> tuple[int, str]:
        """(position of the next `closing`, its text) before the end of the paragraph, or (where to go on, nothing).

        A single dollar sign is closed by any run of them.
        """
        begin = at
        if begin < self._none_before.get(closing, 0):
            return begin, ""
        while (match := _INSIDE.search(self.text, at)) is not None:
            at, kind = match.end(), match.lastgroup
            if kind == "stop":
                break
            if kind == "text":
                at = self.past_text(at)
            elif match[0] == closing or (kind == "dollars" and closing == "$$" and match[0].startswith("$$")):
                return match.start(), closing
            elif kind == "bracket" and match[0] == closing.replace(")", "("):
                break  # another one begins
            elif kind == "dollars" and closing != "$$":
                return match.start(), match[0]
        self._none_before[closing] = at if match else len(self.text)
        return begin, ""

    def bracketed(self) -> Iterator[tuple[int, int]]:
        r"""The spans of everything in `\(…\)` and `\[…\]`, formula or not."""
        at = 0
        while (match := _OUTSIDE.search(self.text, at)) is not None:
            at = match.end()
            if match.lastgroup == "single":
                end, closing = self.until(at, r"\)" if match[0] == r"\(" else r"\]")
                if closing:
                    yield at, end
                    at = end

    def bracket(self, begin: int, at: int) -> int:
        r"""What begins with `\(`, `\[`, `\\(` or `\\[`."""
        opening = self.text[begin:at]
        is_double = len(opening) == 3
        if not is_double and (not self.brackets or self.text[begin - 1 : begin].isalnum()):
            self.found.brackets += 1
            return at
        end, closing = self.until(at, opening.replace("(", ")").replace("[", "]"))
        if not closing:
            self.found.brackets += 1
            return at
        if is_double and not _IS_LATEX.search(self.text, at, end) and opening[-1] == "[":
            return at  # a row break with a length, `\\[2pt]`, outside any formula
        self.in_delimiters(begin, at, end, "inline" if opening[-1] == "(" else "display")
        return end + len(closing)

    def in_delimiters(self, begin: int, start: int, end: int, kind: str) -> None:
        line = self.text.rfind("\n", 0, begin) + 1
        if self.text.startswith(">", line) and "\n" in self.text[start:end]:
            self.found.unread.append(Unread(begin, QUOTED))
        else:
            super().in_delimiters(begin, start, end, kind)


def _is_word(character: str) -> bool:
    """Is it a letter or digit? Scripts that put no spaces between words, such as Chinese, don't count."""
    return character.isascii() and character.isalnum()


def _runs(text: str) -> dict[int, list[int]]:
    """The positions where runs of backticks begin, by length."""
    found: dict[int, list[int]] = {}
    for match in re.finditer("`+", text):
        found.setdefault(len(match[0]), []).append(match.start())
    return found
