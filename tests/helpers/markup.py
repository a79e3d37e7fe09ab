"""What a page or an SVG may hold, whatever the data. Read with Python's own parsers, not with texsieve's templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

#: Texts that would act if they became part of a page; each would set `window.broken`.
PAYLOADS = (
    "<script>window.broken=1</script>",
    '"><img src=x onerror=window.broken=1>',
    "' onmouseover='window.broken=1",
    "</script><script>window.broken=1</script>",
    "</style><style>*{background:url(//broken)}",
    "</title></textarea><svg onload=window.broken=1>",
    r"\text{<svg onload=window.broken=1>}",
    r"\href{javascript:window.broken=1}{x}",
    r"\url{javascript:window.broken=1}",
    '\\mmlToken{mi}[href="javascript:window.broken=1"]{x}',
    r"\cssId{broken}{x}\class{broken}{x}\style{background:url(//broken)}{x}",
    "<!--<script>window.broken=1</script>-->",
    "${window.broken=1}`{{constructor.constructor('window.broken=1')()}}",
    r"\includegraphics{http://127.0.0.1:9/broken.png} x",
    r"\color{url(http://127.0.0.1:9/broken)}{x}\colorbox{url(//broken)}{x}",
    "&lt;img src=x onerror=window.broken=1&gt;",
    "[x](javascript:window.broken=1) ![x](http://127.0.0.1:9/broken.png)",
    "]]><script>window.broken=1</script><![CDATA[",
)
#: The traces that they leave.
_OURS = re.compile(r"window\.broken|/broken")
#: Elements of drawings and plots, and their attributes.
SVG = {
    "svg": "class role width height viewbox aria-label aria-labelledby aria-hidden color preserveaspectratio xmlns "
    "xmlns:xlink",
    "g": "fill transform class",
    "defs": "",
    "path": "id d class fill stroke",
    "use": "href xlink:href x y transform fill",
    "rect": "x y width height fill class rx",
    "line": "x1 y1 x2 y2 stroke stroke-width class",
    "ellipse": "cx cy rx ry fill stroke stroke-width class",
    "circle": "cx cy r class",
    "polyline": "points class",
    "polygon": "points class",
    "text": "x y class text-anchor font-size fill transform",
    "title": "id",
    "desc": "id",
    "style": "",
    "tspan": "x dy class",
    "a": "href xlink:href class",
}
_RUNS = {"iframe", "object", "embed", "base", "image", "foreignobject", "animate", "set", "math", "frame", "applet"}
_LEADS = {"href", "src", "xlink:href", "action", "formaction", "data", "poster", "srcset", "background", "ping"}
#: Where a page may link: within itself, to its pictures, to pages beside it, and to the project's own pages.
_LEADS_TO = re.compile(r"#.*|data:image/(?:png|jpeg);base64,[\w+/=]*|[\w./-]+\.(?:html|png|jpe?g|svg)|https://[\w./-]+")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self._inside = ""
        self._runs = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        self._inside = tag
        self._runs = tag == "script" and held.get("type", "text/javascript") in ("text/javascript", "module", "")
        self.wrong += [f"<{tag}>"] if tag in _RUNS else []
        for name, value in held.items():
            if name.startswith("on") or name == "srcdoc":
                self.wrong.append(f"<{tag} {name}>")
            if name in _LEADS and not _LEADS_TO.fullmatch(value):
                self.wrong.append(f"<{tag} {name}={value[:80]!r}>")
            if name == "style" and re.search(r"url\(|expression|broken|@import", value, re.IGNORECASE):
                self.wrong.append(f"<{tag} style={value[:80]!r}>")
            if tag in SVG and tag not in ("a", "title", "style", "text") and name not in SVG[tag].split():
                self.wrong.append(f"<{tag} {name}> of an SVG")

    def handle_endtag(self, tag: str) -> None:
        self._inside, self._runs = "", False

    def handle_data(self, data: str) -> None:
        if _OURS.search(data) and (self._runs or self._inside == "style"):
            self.wrong.append(f"data in <{self._inside}>: {data[:80]!r}")


def wrong_in_page(text: str) -> list[str]:
    """Everything in a page, or in Markdown, that is not allowed there."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.wrong


def wrong_in_svg(text: str) -> list[str]:
    """Everything in an SVG file that is not allowed there."""
    return [*_elements(ElementTree.fromstring(text)), *wrong_in_page(text)]


def _elements(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        tag = str(element.tag).rpartition("}")[2].lower()
        if tag not in SVG or tag == "a":
            yield f"<{tag}>"
        for name in element.attrib:
            name = name.rpartition("}")[2].lower()
            if name not in SVG.get(tag, "").split():
                yield f"<{tag} {name}>"
        if element.text and _OURS.search(element.text) and tag not in ("text", "title", "desc", "tspan"):
            yield f"data in <{tag}>"
