"""Processes that share the work. Know nothing of what is done."""
