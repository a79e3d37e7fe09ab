"""The pairs that a training reads. Opens no picture before it is asked for."""
