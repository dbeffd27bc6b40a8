"""descentlab: a laboratory for gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from descentlab.api import compare, load, train

__all__ = ["compare", "load", "train"]


def __getattr__(name: str) -> Any:
    """Import `train`, `load` and `compare` when they are used, so that the processes of runs do not load the report."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from descentlab import api

    return getattr(api, name)
