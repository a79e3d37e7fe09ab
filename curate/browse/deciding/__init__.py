"""Decisions made in the App, and what the App says about a label. Not for showing pictures."""
