"""Edits of a label, and the proofs that they may be made. Proposes none: that is for rules."""
