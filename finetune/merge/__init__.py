"""Merges an adapter and its base into one model, as weights or as GGUF."""
