"""IMG: images that are faulty or unsuitable, whatever their labels."""
