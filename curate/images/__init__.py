"""Opens and measures images, and makes them ready for a model. Judges nothing."""
