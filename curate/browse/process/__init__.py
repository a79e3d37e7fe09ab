"""Starts and stops the processes of `curate browse`: database and server. Not for what they show."""
