"""The settings of a training and the files they are read from, and prompt files."""
