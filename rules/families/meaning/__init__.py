"""SEM: labels that LaTeX draws and that mean nothing, or something else."""
