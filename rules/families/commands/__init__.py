"""CMD: commands that LaTeX doesn't know or that don't belong in a label."""
