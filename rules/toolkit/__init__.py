"""What the judges of rules are written with. Holds no rule."""
