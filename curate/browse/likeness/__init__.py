"""Measures how similar samples are, for FiftyOne's similarity views. Uses no model and downloads nothing."""
