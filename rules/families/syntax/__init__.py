"""SYN: labels that LaTeX rejects, and parts that ended up in the wrong braces."""
