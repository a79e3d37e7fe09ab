"""A run's folder and the decisions that people made about its samples. Not making a run: that is `curate.audit`."""
