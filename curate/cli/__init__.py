"""The command line `curate`: `main` holds the group of commands. The work is done elsewhere."""
