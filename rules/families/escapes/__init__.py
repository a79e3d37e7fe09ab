"""ESC: damage from escaping and unescaping, and layout tokens, which are not LaTeX."""
