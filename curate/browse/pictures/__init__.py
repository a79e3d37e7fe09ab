"""Serves the App's pictures: photos, drawn labels, cards. `curate.render` renders the labels."""
