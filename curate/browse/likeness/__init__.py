"""How alike samples are, and what FiftyOne's similarity views need of it. No model, no download."""
