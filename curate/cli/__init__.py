"""The command line `curate`, one command per module. The work is done elsewhere."""
