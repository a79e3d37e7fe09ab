"""The page on which samples are decided on by keys, one after the other. On this machine only; needs no FiftyOne."""
