"""Shows a run in FiftyOne's App, with a database and a server on this machine only. Judges no sample."""
