"""The metrics, one module for each or for a few similar ones. The catalogue collects `METRICS` from every module."""
