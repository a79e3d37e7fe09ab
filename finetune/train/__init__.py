"""Training, from the estimate of memory and time to the last adapter."""
