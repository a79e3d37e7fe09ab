"""The page for deciding on samples with single keys, one after the other. Local only; works without FiftyOne."""
