"""Write the W&B run of a sweep's summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.tracking.wandb import define_axes, forget, mode, start


def write_summary_run(content: Mapping[str, Any]) -> None:
    """Write the W&B run that `content` describes; see `summary.content` for its keys.

    Any earlier one is replaced: online since it has the same id, offline by removing its files.
    """
    wanted = mode()
    if wanted == "disabled":
        return
    sweep, about = Path(content["sweep"]), content["run"]
    online = any((sweep / "wandb").glob("run-*"))  # a run of the sweep was
    forget(sweep, about["id"])
    run = start(sweep, wanted if online else "offline", **about)
    try:
        _log(run, content)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


def _log(run: Any, content: Mapping[str, Any]) -> None:
    import wandb

    define_axes(run, content["charts"])
    for row in content["curves"]:
        run.log(row, step=int(row["x/step"]))
    for name, table in content["tables"].items():
        run.summary[name] = wandb.Table(columns=table["columns"], data=table["rows"])
    if content["page"]:
        run.summary["report"] = wandb.Html(Path(content["page"]).read_text(encoding="utf-8"), inject=False)
    run.summary.update(content["summary"])
