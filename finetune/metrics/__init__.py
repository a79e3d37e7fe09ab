"""Scores of predictions: the metrics, their intervals, and what is said of one file. Trains and asks no model."""
