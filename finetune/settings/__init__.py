"""The settings of a training, the files that they are read from, and prompt files."""
