"""Parquet files of images and labels, as the Hugging Face hub shows them."""

from __future__ import annotations

from curate.export.format import ParquetFormat


class HuggingFace(ParquetFormat):
    name = "hf"
    help = "Parquet files of images and labels, as the Hugging Face hub shows them"
    page = "For tools that combine question and answer themselves. A label without an image has a null image."


FORMAT = HuggingFace()
