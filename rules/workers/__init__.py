"""Worker processes. Knows nothing about the work they do."""
