"""Reads prediction files, finds the formula in an answer, and matches answers with labels. Scores no model."""
