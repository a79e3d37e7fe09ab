"""SEM: labels that are valid LaTeX but mean nothing, or something else."""
