"""Asks a model for the LaTeX of images and writes its answers."""
