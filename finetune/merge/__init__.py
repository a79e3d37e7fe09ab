"""One model of an adapter and its base, as weights or as GGUF."""
