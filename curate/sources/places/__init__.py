"""Where labels stand in files, by kind of file, and files with their labels replaced. Knows no format of a data set."""
