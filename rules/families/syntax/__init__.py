"""SYN: what LaTeX rejects, and parts that ended up in the wrong braces."""
