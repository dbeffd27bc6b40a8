"""Optional libraries: the extras of the package that some components need."""

from __future__ import annotations

from importlib.util import find_spec

from descentlab.errors import UsageError

EXTRAS = {  # module -> the extra in pyproject.toml that installs it
    "datasets": "text",
    "faster_coco_eval": "detection",
    "optuna": "tpe",
    "pandas": "tables",
    "ray": "ray",
    "submitit": "slurm",
    "tokenizers": "text",
    "wandb_workspaces": "dashboard",
}


def require(module: str, component: str) -> None:
    """Check that an optional library is installed, without importing it.

    Args:
        module: a key of EXTRAS.
        component: the part of the config, or the data set, that needs the library; used in the message.

    Raises:
        UsageError: it is not installed; the message gives the command that installs it.
    """
    if find_spec(module) is None:
        raise UsageError(f"{component} needs {module}, which is not installed: pip install 'descentlab[{EXTRAS[module]}]'")
