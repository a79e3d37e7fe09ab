"""The metrics, a module for each or for a few made alike. `METRICS` of every module here is in the catalogue."""
