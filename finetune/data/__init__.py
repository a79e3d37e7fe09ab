"""The pairs that a training reads. Opens an image only when it is needed."""
