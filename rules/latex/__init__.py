"""LaTeX itself: tokens, commands, the reader, the canonical form, the visual key. Knows no rule."""
