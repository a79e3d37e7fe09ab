"""The metrics, one module for each or for a few similar ones. The catalogue takes `METRICS` of every module."""
