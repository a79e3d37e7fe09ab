"""ESC: damage done by escapes, and layout tokens, which aren't LaTeX."""
