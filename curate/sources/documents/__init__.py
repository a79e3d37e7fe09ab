"""Formulas in documents: their places in LaTeX, Markdown and notebooks, and what the document defines for them."""
