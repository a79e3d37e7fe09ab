"""The work of `curate diff`: what changed between two runs of a data set. `changes` finds it, `tell` reports it."""
