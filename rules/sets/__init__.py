"""What rules over whole sets of samples count with: leaks, licences, shifted rows. Frames in, frames out; no LaTeX."""
