"""Decides what an export contains: labels, splits, licences, reasons for leaving samples out. Writes nothing."""
