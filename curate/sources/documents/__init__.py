"""Formulas in documents: where they stand in LaTeX, Markdown and notebooks, and what the document defines for them."""
