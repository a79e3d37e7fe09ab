"""SEM: labels that are valid LaTeX and mean nothing, or something else."""
