"""Models and the hardware they run on: facts about a model, loading it, its card and its origin."""
