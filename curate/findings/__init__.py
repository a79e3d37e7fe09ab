"""Findings as people and machines read them: checks of labels, lists of a run, SARIF, baselines. Judges nothing."""
