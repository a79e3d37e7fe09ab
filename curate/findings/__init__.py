"""Findings for people and machines: output of `curate check`, lists of a run, SARIF, baselines. Judges nothing."""
