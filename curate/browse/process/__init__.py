"""The processes of `curate browse`: database, server, their start and their end. Not what they show."""
