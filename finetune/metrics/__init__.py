"""Scores predictions: metrics, their intervals, and the evaluation of one file. Runs no model."""
