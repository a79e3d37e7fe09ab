"""Models and the machine they run on: what a model is, loading it, its card and where it came from."""
