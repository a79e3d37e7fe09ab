"""Calculations for rules over whole data sets: leaks, licences, shifted rows. Frames in, frames out; no LaTeX."""
