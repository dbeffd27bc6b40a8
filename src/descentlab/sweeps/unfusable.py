"""Reasons why a run cannot be a member of a fused group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.config.shape import named_parts
from descentlab.config.update_rules import update_rule
from descentlab.errors import format_value
from descentlab.tracking.credentials import may_be_online

PRECISIONS = ("32-true", "64-true")
COMPILES = (False, "step", "auto")  # values of `compile` that leave the model itself as it is
NEEDS = ("closure", "two_passes", "graph", "random", "model", "total_steps", "in_groups")  # beyond gradients and weights
LIGHT_PROBES = tuple(
    f"descentlab.diagnostics.{probe}"
    for probe in (
        "grad_norm.GradNorm",
        "update_norm.UpdateNorm",
        "layer_norms.LayerNorms",
        "angular_update.AngularUpdate",
        "gradient_snr.GradientSnr",
        "dead_units.DeadUnits",
        "attention.Attention",
    )
)


def reason_to_stay_single(config: Mapping[str, Any]) -> str:
    """Return the first reason why a run with this resolved config is not fused with others; "" if there is none."""
    return next(_reasons(config), "")


def _reasons(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence with the key for each property of a resolved config that a fused group does not support."""
    yield from _of_execution(config)
    yield from _of_update(config)
    if config["budget"]["seconds"] is not None:
        yield "budget.seconds is set"
    yield from _of_data(config["data"])
    for name, node in named_parts(config, "diagnostics").items():
        if node["_target_"] not in LIGHT_PROBES:
            yield f"diagnostics.{name} is not one of the probes of diagnostics=light"
    if (config.get("start_from") or {}).get("run") is not None:
        yield "start_from is set"
    if config["checkpoint"].get("snapshots"):
        yield "checkpoint.snapshots is set"
    if is_logged_live(config["logger"]):
        yield "logger sends the curves to Weights & Biases while the run trains"


def _of_execution(config: Mapping[str, Any]) -> Iterator[str]:
    trainer = config["trainer"]
    if trainer["devices"] * trainer["num_nodes"] > 1 or trainer["strategy"] != "auto":
        yield "trainer starts several processes"
    if trainer["precision"] not in PRECISIONS:
        yield f"trainer.precision={trainer['precision']} is neither {' nor '.join(PRECISIONS)}"
    if config["engine"] != "lightning":
        yield f"engine={config['engine']} trains one run"
    if config["microbatch"] is not None:
        yield "microbatch is set"
    if config.get("callbacks"):
        yield "callbacks are set"
    if config["compile"] not in COMPILES:
        yield f"compile={format_value(config['compile'])} compiles the model of one run"


def _of_update(config: Mapping[str, Any]) -> Iterator[str]:
    for name in ("optimizer", "auxiliary"):
        found = update_rule(config[name]) if config.get(name) else ""
        if isinstance(found, str) and found:
            yield f"{name}: {found}"
    for name in NEEDS:
        if config["needs"].get(name):
            yield f"needs.{name} is set"


def _of_data(data: Mapping[str, Any]) -> Iterator[str]:
    if "workers" in data:
        yield "data are streamed from the disk"
    if data.get("augment") not in (None, "none"):
        yield f"data.augment={data['augment']} draws other images for each run"


def is_logged_live(logger: Mapping[str, Any]) -> bool:
    """Return True if Weights & Biases may receive the curves while a run trains: logger.live=true, or it is online."""
    if logger["project"] is None:
        return False
    return bool(logger.get("live")) or may_be_online()
