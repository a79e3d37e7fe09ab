"""Compares two models, or several prompts, in tables and on one page."""
