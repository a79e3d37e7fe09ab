"""`curate export`: from runs to a data set to train on. The parts: what goes in, which split, how it is written."""
