"""Training, prediction, metrics and comparison of image-to-LaTeX models."""
