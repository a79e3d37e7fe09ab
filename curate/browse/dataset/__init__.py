"""A run as a dataset of FiftyOne: names, rows, views, and keeping it in step. Not serving it."""
