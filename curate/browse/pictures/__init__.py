"""Serves the App's pictures: photos, drawn labels, cards. Not for rendering labels: that is `curate.render`."""
