"""MathJax in an embedded QuickJS: LaTeX in, SVG or the engine's message out. Not for preparing labels or for PNG.

The JavaScript is the bundle that the `quickjax` package brings (MathJax 4, fonts included), so there is neither network
nor TeX. It is not used through quickjax's own renderer, because that one (a) loads MathJax's `physics` package, which
redefines `\\div`, `\\Re` and the parentheses after `\\sin`, (b) draws an unknown command in red instead of saying so,
(c) accepts links and CSS out of a label, and (d) lets the macros of one label live on in the next.

One engine per process, made at the first use (about 0.4 s, 10 MB) and made anew when its memory fills: MathJax never
lets go of what a new document took (70 KB), and there is one after each label that defines something. QuickJS belongs
to the thread that made it and needs more stack than some systems give to threads, so a thread of our own holds it;
callers may come from any thread.
"""

from __future__ import annotations

import html
import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import quickjs

#: What LaTeX with amsmath, amssymb and the usual companions knows. Left out on purpose: physics, noundefined, html,
#: action, bbox, unicode (see the module's docstring).
PACKAGES = (
    *("base", "ams", "newcommand", "boldsymbol", "braket", "cancel", "color", "enclose", "extpfeil", "noerrors"),
    *("mhchem", "mathtools", "amscd", "verb", "textmacros", "textcomp", "cases"),
)

_NO_MARK = (
    *("boldmath", "unboldmath", "protect", "relax", "smallskip", "medskip", "bigskip"),
    *("noindent", "centering", "allowbreak", "nobreak"),
)
_LETTERS = {
    pair[:-1]: pair[-1]
    for pair in (
        *("OØ", "oø", "LŁ", "lł", "ssß", "aeæ", "AEÆ", "oeœ", "OEŒ", "AAÅ", "aaå"),
        *("P¶", "S§", "copyright©", "pounds£", "iı", "jȷ"),
    )
}

#: Commands that LaTeX has (with amsmath, amssymb and bm), that labels really use, and that MathJax lacks. Those that
#: leave no mark in a picture are empty.
MACROS = (
    r"\newcommand{\textcircled}[1]{\enclose{circle}{\mathrm{#1}}}"
    r"\newcommand{\bm}[1]{\boldsymbol{#1}} \newcommand{\ensuremath}[1]{#1} \newcommand{\null}{{}}"
    r"\newcommand{\eqno}{\qquad} \newcommand{\leqno}{\qquad} \let\sp=^ \let\sb=_"
    r"\newcommand{\dag}{\dagger} \newcommand{\ddag}{\ddagger} \newcommand{\slash}{/}"
    r"\newcommand{\textsc}[1]{\text{#1}} \newcommand{\textsl}[1]{\textit{#1}}"
    r"\newcommand{\footnotesize}{\small} \newcommand{\cline}[1]{\hline} \newcommand{\sl}{\it} \newcommand{\sc}{\rm}"
    r"\newcommand{\raisebox}[2]{\raise #1 {\text{#2}}}"
    + "".join(rf"\newcommand{{\{name}}}{{}}" for name in _NO_MARK)
    + "".join(rf"\newcommand{{\{name}}}{{{letter}}}" for name, letter in _LETTERS.items())
    + r"\newcommand{\vspace}[1]{}"
)

MEGABYTE = 1024 * 1024
_HEAP = 512 * MEGABYTE
_STACK = 8 * MEGABYTE
#: How many labels an engine draws between two looks at its memory: a look takes up to 60 ms.
_LOOK_EVERY = 100
#: The share of its memory that makes an engine an old one. Early, because QuickJS that is nearly out of memory fails in
#: strange ways: it throws `null`, or the process dies.
_FULL = 0.25

# A label that defines or names something changes what the next label means: the document is made anew after it, which
# takes half as long as drawing a long label.
_LEAVES_TRACES = re.compile(
    r"\\(?:[egx]?def|let|label|require|Newextarrow|newtheorem"
    r"|(?:re)?new(?:command|environment|tagform)|providecommand|usetagform|Declare[A-Za-z]+|define[A-Za-z]+)"
)
_LOOSE_SCRIPT = re.compile(r"([_^])\s+\{")
_ERROR = re.compile(r'data-mjx-error="([^"]*)"')
_ERROR_IN_LIST = re.compile(r'"data-mjx-error":("(?:[^"\\]|\\.)*")')

# The two places of the bundle that are replaced. Minified names change from build to build, so they are matched.
_PACKAGE_LIST = re.compile(r'\["base","ams",[^\]]*\]')
_DOCUMENT = re.compile(
    r"(?P<tex>[\w$]+)=new (?P<make_tex>[\w$]+)\(\{packages:(?P<packages>[\w$]+)\}\),"
    r"(?P<out>[\w$]+)=new [\w$]+\(\{[^;]*?\}\),"
    r'(?P<doc>[\w$]+)=(?P<mathjax>[\w$]+)\.document\("",\{InputJax:[\w$]+,OutputJax:[\w$]+\}\);'
)
#: What is added behind the second. A drawing is a tree before it is SVG, and writing it as SVG, with much that only a
#: browser asks for, takes MathJax a seventh of its time.
_HOOK = """
globalThis.texsieveFresh = function () {{
  {tex} = new {make_tex}({{packages: {packages}}});
  {doc} = {mathjax}.document("", {{InputJax: {tex}, OutputJax: {out}}});
}};
globalThis.texsieveElements = function (latex) {{
  const found = [];
  function list(node) {{
    const of = node.attributes;
    const matters = node.kind !== "g" || of.transform || of["data-mml-node"] === "mtd" || of["data-mjx-error"];
    if (matters) found.push(node.kind, of || node.value);
    if (node.children) node.children.forEach(list);
    if (matters) found.push(null);
  }}
  try {{
    list({doc}.convert(latex, {{display: true, containerWidth: 1e7}}).children.find(child => child.kind === "svg"));
  }} catch (error) {{
    throw new Error("MathJax render error: " + (error?.message || String(error)));
  }}
  return JSON.stringify(found, {attributes});
}};
"""
#: The attributes in that list.
_ATTRIBUTES = (
    *("id", "d", "transform", "viewBox", "x", "y", "width", "height", "x1", "x2", "y1", "cx", "rx"),
    *("xlink:href", "data-c", "data-mml-node", "data-mjx-error"),
)
_STRANGE_BUNDLE = "This version of quickjax is not understood; install it with: pip install 'quickjax>=0.1,<0.2'"


class RenderError(Exception):
    """A label that can't be drawn; the text is the engine's own message (`Missing close brace`) or ours."""


class _Exhausted(RenderError):
    """The engine had too little of something: it is not used again."""


class _Slip(RenderError):
    """MathJax itself failed, as over the space in `\\overline{x}^ {a}` (0.2 % of normalised im2latex)."""


def _bundle() -> str:
    text = files("quickjax").joinpath("js/mathjax_bundle.js").read_text(encoding="utf-8")
    at = text.rfind('["base","ams",')
    if at < 0:
        raise RenderError(_STRANGE_BUNDLE)
    head, tail = text[:at], text[at:]
    tail = _PACKAGE_LIST.sub(json.dumps(PACKAGES), tail, count=1)
    found = _DOCUMENT.search(tail)
    if found is None:
        raise RenderError(_STRANGE_BUNDLE)
    hook = _HOOK.format(attributes=json.dumps(_ATTRIBUTES), **found.groupdict())
    return head + tail[: found.end()] + hook + tail[found.end() :]


class _Engine:
    def __init__(self) -> None:
        self._context = quickjs.Context()
        self._context.set_max_stack_size(_STACK)
        self._context.set_memory_limit(_HEAP)
        self._context.eval(_bundle())
        self._render = self._context.get("render")
        self._elements = self._context.get("texsieveElements")
        self._fresh = self._context.get("texsieveFresh")
        self.drawn = 0
        self._spent = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._fresh()
        self._render(MACROS)
        self._traces = False

    def draw(self, tex: str, seconds: float, as_list: bool = False) -> str:
        """SVG, or JSON of the list that `elements` gives."""
        self.drawn += 1
        try:
            if self._traces:
                self._start_afresh()
            self._traces = _LEAVES_TRACES.search(tex) is not None
            self._context.set_time_limit(seconds)
            drawn: Any = (self._elements if as_list else self._render)(tex)
        except Exception as error:  # whatever QuickJS threw; it may have been half way through something
            thrown = _thrown(error, seconds)
            self._traces = True
            self._spent = isinstance(thrown, _Exhausted)
            raise thrown from None
        finally:
            self._context.set_time_limit(-1)
        if not isinstance(drawn, str):
            raise RenderError("MathJax drew nothing")
        message = (_ERROR_IN_LIST if as_list else _ERROR).search(drawn)
        if message:
            raise RenderError(json.loads(message.group(1)) if as_list else html.unescape(message.group(1)))
        return drawn

    def is_spent(self) -> bool:
        """Did something go wrong within, or have earlier labels filled its memory?"""
        if self._spent or self.drawn % _LOOK_EVERY:
            return self._spent
        return bool(self._context.memory()["memory_used_size"] > _FULL * _HEAP)


_lock = threading.Lock()
_thread: ThreadPoolExecutor | None = None
_engine: _Engine | None = None


def _draw(tex: str, seconds: float, as_list: bool) -> str:
    try:
        return _usable().draw(tex, seconds, as_list)
    except _Slip:
        return _usable().draw(_LOOSE_SCRIPT.sub(r"\1{", tex), seconds, as_list)


def _usable() -> _Engine:
    global _engine
    if _engine is None or _engine.is_spent():
        _engine = None  # before there is a new one: two would need twice the memory
        _engine = _Engine()
    return _engine


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("Error: ").removeprefix("MathJax render error: ")


def _thrown(error: Exception, seconds: float) -> RenderError:
    """What QuickJS threw, in our words."""
    line = _first_line(error)
    text = f"{type(error).__name__} {line}".lower()
    if "interrupted" in text:
        return _Exhausted(f"Not drawn within {seconds:g} seconds")
    if "out of memory" in text or line == "null" or isinstance(error, MemoryError):  # null: no room for a message
        return _Exhausted("The renderer ran out of memory")
    if "stack overflow" in text or "stackoverflow" in text:
        return _Exhausted("Nested too deeply for the renderer")
    return _Slip(f"MathJax failed: {line}")


def convert(tex: str, seconds: float) -> str:
    """MathJax's SVG of `tex` in display style.

    `seconds` limits the processor time. Raises RenderError with MathJax's message; the next call works all the same.
    """
    return _on_thread(tex, seconds, as_list=False)


def elements(tex: str, seconds: float) -> list[Any]:
    """What stands in the SVG that `convert` returns, without the time that writing and reading SVG takes.

    For every element in order: its kind, its attributes (those in _ATTRIBUTES), its content in the same way, and None.
    For plain text it is the text instead of attributes. Groups that move nothing are left out, but for cells of tables.
    """
    found: list[Any] = json.loads(_on_thread(tex, seconds, as_list=True))
    return found


def _on_thread(tex: str, seconds: float, as_list: bool) -> str:
    global _thread
    with _lock:
        if _thread is None:
            before = threading.stack_size(2 * _STACK)
            try:
                _thread = ThreadPoolExecutor(1, thread_name_prefix="mathjax")
                _thread.submit(int).result()  # starts the thread while the stack size holds
            finally:
                threading.stack_size(before)
        thread = _thread
    return thread.submit(_draw, tex, seconds, as_list).result()


def _forget() -> None:
    """In a forked child: the thread did not come along, so neither may the engine."""
    global _thread, _engine, _lock
    _thread, _engine, _lock = None, None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
