"""Models side by side: what changed between two, and which prompt is best, as tables and one page."""
