"""The pictures the App asks for: photos, drawn labels, cards. Not rendering a label: that is `curate.render`."""
