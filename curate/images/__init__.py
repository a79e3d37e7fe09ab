"""Pictures: opening and measuring them, and making them ready for a model. Judges nothing."""
