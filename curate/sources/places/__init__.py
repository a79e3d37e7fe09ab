"""Finds and replaces labels in files, by kind of file. Knows no data set format."""
