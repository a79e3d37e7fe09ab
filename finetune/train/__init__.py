"""A training, from what it will take to its last adapter."""
