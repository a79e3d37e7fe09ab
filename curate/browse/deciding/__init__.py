"""Decisions made in the App, and what the App says about a label. `pictures` shows the pictures."""
