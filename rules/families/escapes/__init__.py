"""ESC: what escapes ate, and layout tokens that are no LaTeX."""
