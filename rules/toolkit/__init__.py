"""Tools for writing rules. Contains no rules."""
