"""The pairs to train on. Opens an image only when it is needed."""
