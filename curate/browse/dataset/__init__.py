"""Makes a FiftyOne dataset of a run and keeps it up to date: fields, rows, views. Not for serving it."""
