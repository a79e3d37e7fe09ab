"""Writes curate/render/glyphs.tsv: the character of each glyph that mathra draws. Run by hand for each mathra version.

Run `python tools/make_glyph_table.py` with fontTools installed. The font, STIX Two Math, is read from mathra's
extension module, so the glyphs have the same numbers as in drawings. A character has a glyph for each script level (the
feature `ssty`) and each size (the table MATH), and pieces from which taller glyphs are assembled.
"""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from fontTools.ttLib import TTFont
from mathra import _mathra

TABLE = Path(__file__).resolve().parents[1] / "curate" / "render" / "glyphs.tsv"


def embedded_font() -> TTFont:
    """The OpenType font inside mathra's extension module."""
    assert _mathra.__file__ is not None
    data = Path(_mathra.__file__).read_bytes()
    at = -1
    while (at := data.find(b"OTTO", at + 1)) >= 0:
        (tables,) = struct.unpack(">H", data[at + 4 : at + 6])
        records = [struct.unpack(">4sIII", data[at + 12 + 16 * n : at + 28 + 16 * n]) for n in range(min(tables, 64))]
        if any(tag == b"MATH" for tag, *_ in records):
            return TTFont(io.BytesIO(data[at : at + max(offset + length for _, _, offset, length in records)]))
    raise SystemExit("this mathra has no OpenType font with a table MATH")


def table(font: TTFont) -> dict[int, tuple[list[int], list[int]]]:
    """By character: its glyphs, and glyphs that are pieces of it."""
    # the lowest code, if several share a glyph
    character = {name: code for code, name in sorted(font.getBestCmap().items(), reverse=True)}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for some in lookup.SubTable:
            for name, others in getattr(some, "alternates", {}).items():
                for other in others:
                    character.setdefault(other, character.get(name))
            for name, other in getattr(some, "mapping", {}).items():
                character.setdefault(other, character.get(name))
    pieces: dict[str, set[int]] = defaultdict(set)
    variants = font["MATH"].table.MathVariants
    for coverage, constructions in (
        (variants.VertGlyphCoverage, variants.VertGlyphConstruction),
        (variants.HorizGlyphCoverage, variants.HorizGlyphConstruction),
    ):
        for name, construction in zip(coverage.glyphs, constructions, strict=True):
            code = character.get(name)
            if code is None:
                continue
            for record in construction.MathGlyphVariantRecord:
                character.setdefault(record.VariantGlyph, code)
            if construction.GlyphAssembly is not None:
                for part in construction.GlyphAssembly.PartRecords:
                    pieces[part.glyph].add(code)
    found: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for number, name in enumerate(font.getGlyphOrder()):
        if character.get(name) is not None:
            found[character[name]][0].append(number)
        for code in pieces.get(name, ()):
            found[code][1].append(number)
    return found


def main() -> None:
    found = table(embedded_font())
    lines = [
        f"# mathra {version('mathra')}, by tools/make_glyph_table.py: character, its glyphs, glyphs that are pieces"
    ]
    for code, (whole, pieces) in sorted(found.items()):
        columns = (f"{code:04X}", " ".join(map(str, whole)), " ".join(map(str, pieces)))
        lines.append("\t".join(columns).rstrip())
    TABLE.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    glyphs = sum(len(whole) + len(pieces) for whole, pieces in found.values())
    print(f"{TABLE.name}: {len(found)} characters, {glyphs} glyphs")


if __name__ == "__main__":
    main()
