"""Says which extra of texsieve installs a missing package. Imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from curate.base.errors import UserError

#: Packages that commands import only when they need them, and the extra that installs each.
EXTRA_OF: Mapping[str, str] = {"datasets": "hub", "huggingface_hub": "hub"}


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'texsieve[{extra}]'"


def missing(package: str, what: str) -> str:
    """The message for a missing package. what: the command or feature that needs it."""
    return f"{what} needs the package {package}: {install(EXTRA_OF[package])}"


def is_there(module: str) -> bool:
    """Whether a module can be imported. Doesn't import it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def require(package: str, what: str) -> None:
    """Raises UserError, with the command that installs it, if this package is missing."""
    if not is_there(package):
        raise UserError(missing(package, what))
