"""Reads the folder of a run, and people's decisions about its samples. Not for making one: that is `curate.audit`."""
