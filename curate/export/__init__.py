"""`curate export`: from runs to a data set to train on. Decides in `decide`, writes in `write`, reports in `tell`."""
