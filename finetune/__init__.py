"""Training, prediction, metrics and comparison of image-to-LaTeX models.

    import finetune
    finetune.score([(truth, prediction), ...])  # metrics of pairs

docs/metrics.md defines every metric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.metrics.scoring import score

__all__ = ["score"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    # Loaded at first use: importing the rules and polars takes half a second, and `finetune --help` doesn't need them.
    if name == "score":
        from finetune.metrics.scoring import score

        return score
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
