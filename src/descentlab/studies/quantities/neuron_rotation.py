"""The rotation of neurons at the end of training, and its spread over layers and neurons."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl


class Rotation(NamedTuple):
    """Root-mean-square angles per step.

    Args:
        mean: over all neurons, in radians.
        layers: the mean over the neurons of each layer, in radians.
        ratio: the largest of them divided by the smallest.
        spread: the standard deviation over all neurons divided by their mean.
    """

    mean: float
    layers: dict[str, float]
    ratio: float
    spread: float


def neuron_rotation(angles: pl.DataFrame, share: float = 1 / 3) -> Rotation | None:
    """Return the rotation at the steps after (1 - share) times the last step; None if there are fewer than two neurons.

    The angle of a neuron is sqrt(mean of angle^2 over steps). It is compared with `equilibrium_rotation`.

    Source: Kosson et al. (2023), arXiv:2305.17212, section 3.

    Args:
        angles: the layers of a run (`store.record.read_layers`), trained with diagnostics.angular_update.neurons=true: the
            columns step, layer (LAYER/INDEX) and neuron_angle in radians.
        share: of the steps that count, in (0, 1].

    Raises:
        ValueError: `share` is not in (0, 1], or the angles of neurons were not measured.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share {share:g} is not in (0, 1]")
    if "neuron_angle" not in angles.columns:
        raise ValueError("the angles of neurons were not measured: set diagnostics.angular_update.neurons=true")
    measured = angles.drop_nulls("neuron_angle")
    late = measured.filter(pl.col("step") > (1 - share) * pl.col("step").max())
    neurons = late.group_by("layer").agg(pl.col("neuron_angle").pow(2).mean().sqrt().alias("angle"))
    if len(neurons) < 2:
        return None
    by_layer = pl.col("layer").str.replace(r"/\d+$", "")
    means = neurons.group_by(by_layer).agg(pl.col("angle").mean()).sort("layer")
    layers = dict(zip(means["layer"].to_list(), means["angle"].to_list(), strict=True))
    overall = neurons.select(pl.col("angle").mean(), pl.col("angle").std().alias("deviation")).row(0, named=True)
    ratio = max(layers.values()) / min(layers.values())
    return Rotation(overall["angle"], layers, ratio, overall["deviation"] / overall["angle"])
