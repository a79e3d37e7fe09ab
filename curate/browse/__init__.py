"""Shows a run in FiftyOne's App: its own database, its own server, both on this machine only. Judges no sample."""
