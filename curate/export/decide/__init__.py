"""Decides what an export holds: labels, reasons, splits, licences. Writes no data set."""
