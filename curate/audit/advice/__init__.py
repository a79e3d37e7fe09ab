"""What matters about a source if you want to train on it: each point with its share, the reason, and what to type."""
