"""IMG: what is wrong with a picture by itself."""
