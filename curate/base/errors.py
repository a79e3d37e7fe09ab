"""The only error a user should see: one clear line that says what, where and what to do. Not for bugs."""

from __future__ import annotations


class UserError(Exception):
    """Bad usage, configuration or input. The command line prints it as `curate: error: …` and exits with 2."""
