"""The tools that rules are written with. Has no rules."""
