"""Hands samples to an annotation tool, and takes its answers back as decisions. Talks to no server."""
