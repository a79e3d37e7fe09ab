"""Makes a drawn formula look handwritten on paper or printed on a page. `curate.render` draws it."""

from __future__ import annotations

import io
from random import Random

from PIL import Image, ImageFilter, ImageOps

_INKS = ("#16161d", "#1b2f6b", "#20304a", "#3a3a3f", "#102a54")
_PAPERS = ("#fdfdfa", "#f6f4ec", "#eef1f3", "#f4ead8", "#e9e6df")


def on_paper(png: bytes, rng: Random) -> bytes:
    """A JPEG: ink on paper, slightly turned, out of focus and grainy."""
    ink, paper = rng.choice(_INKS), rng.choice(_PAPERS)
    drawn = _with_margin(Image.open(io.BytesIO(png)).convert("L"), rng.randint(10, 28))
    image = ImageOps.colorize(drawn, black=ink, white=paper)
    image = image.rotate(rng.uniform(-1.6, 1.6), Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.7)))
    grain = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height)).convert("RGB")
    image = Image.blend(image, grain, rng.uniform(0.02, 0.06))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def on_a_page(png: bytes, rng: Random) -> bytes:
    """A PNG: black on white, cut out with a narrow margin."""
    image = _with_margin(Image.open(io.BytesIO(png)).convert("L"), rng.randint(4, 12))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _with_margin(image: Image.Image, margin: int) -> Image.Image:
    return ImageOps.expand(image, border=margin, fill=255)
