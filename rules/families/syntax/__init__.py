"""SYN: what LaTeX rejects, and what slid into a brace it doesn't belong in."""
