"""Checks of results: agreement of devices, precisions, compiled models, optimizers, resumed runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from gpu_checks.lab import CONVOLUTIONAL, DIGITS, EVERY_STEP, ROOT, FailedError, Lab, difference
from torch import Tensor
from torch.amp import GradScaler

from descentlab.store.interruption import Interrupted, Interruption

FLOAT32, FLOAT64 = 1e-3, 1e-8  # bounds on relative differences; Adam amplifies rounding errors of small gradients
STOCHASTIC = ("model.dropout=0.2", "schedule=cosine", "deterministic=true")
TIMES = ("train_seconds",)


@contextmanager
def without_tf32() -> Iterator[None]:
    """Context in which convolutions of float32 are not rounded to TF32; torch rounds matrix products only on request."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def agreement(lab: Lab, words: Sequence[str], precision: str) -> str:
    """Compare the training losses of the CPU with those of the device."""
    every = (*words, *EVERY_STEP, f"trainer.precision={precision}")
    with without_tf32():
        found, expected = lab.train(*every).losses, lab.on("cpu").train(*every).losses
    return difference(found, expected, FLOAT32 if precision == "32-true" else FLOAT64)


def digits_agree(lab: Lab, precision: str) -> str:
    """Compare the devices on dense layers."""
    return agreement(lab, DIGITS, precision)


def convolutions_agree(lab: Lab, precision: str) -> str:
    """Compare the devices on convolutions."""
    return agreement(lab, CONVOLUTIONAL, precision)


def transformers_agree(lab: Lab, precision: str) -> str:
    """Compare the devices on a small GPT."""
    return agreement(lab, lab.transformer, precision)


def half_precision_trains(lab: Lab) -> str:
    """Train in float16 with Lightning's gradient scaler, which must be updated at every step."""
    lab.needs_gpu("torch has no float16 with a gradient scaler on the CPU")
    with scales() as found:
        text = precision_trains(lab, "16-mixed")
    if len(found) != 60:
        raise FailedError(f"{text}; the gradient scaler was updated {len(found)} times")
    return f"{text}; scale {found[-1]:.0f}"


@contextmanager
def scales() -> Iterator[list[float]]:
    """Context in which the list receives the scale after each update of a gradient scaler."""
    update, found = GradScaler.update, []

    def recorded(self: GradScaler, new_scale: float | Tensor | None = None) -> None:
        update(self, new_scale)
        found.append(self.get_scale())

    GradScaler.update = recorded
    try:
        yield found
    finally:
        GradScaler.update = update


def precision_trains(lab: Lab, precision: str) -> str:
    """Train in `precision`; the validation loss must decrease."""
    curves = lab.train(*DIGITS, f"trainer.precision={precision}", "validate_every=20", steps=60).curves
    first, *_, last = curves["valid/loss"].drop_nulls().to_list()
    text = f"validation loss {first:.3f} before training, {last:.3f} after 60 steps"
    if not last < first:
        raise FailedError(text)
    return text


def compiled_agrees(lab: Lab) -> str:
    """Compare the training losses of a compiled model with those of the same model as it is."""
    words = (*DIGITS, *EVERY_STEP)
    with without_tf32():
        return difference(lab.train(*words, "compile=true").losses, lab.train(*words).losses, FLOAT32)


def every_optimizer_steps(lab: Lab) -> str:
    """Take three steps with each config of conf/optimizer."""
    folder = ROOT / "conf" / "optimizer"
    names = sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml") if path.stem != "custom")
    failures: list[str] = []
    names = names[::8] if lab.quick else names
    for name in names:
        try:
            lab.train(*DIGITS, f"optimizer={name}", "data.limit=150", "validate_every=3", steps=3)
        except Exception as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise FailedError("; ".join(failures))
    return f"{len(names)} optimizers, 3 steps each"


class AfterBoundaries(Interruption):
    """Asks a run to end at the `left`-th boundary between chunks."""

    def __init__(self, left: int) -> None:
        self.left, self.deferred = left, False

    @property
    def asked(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.left -= 1
        return "the check" if self.left <= 0 else ""


def resumed_run_is_equal(lab: Lab) -> str:
    """Interrupt a run and resume it; its curves must equal those of an uninterrupted run bit for bit."""
    words = (*DIGITS, *STOCHASTIC, "log_every=1", "validate_every=10")
    whole, job = lab.train(*words, steps=40), lab.job(*words, steps=40)
    try:
        lab.trained(job, AfterBoundaries(4))
    except Interrupted as reason:
        parts = lab.trained(job)
        if parts.curves.drop(TIMES).equals(whole.curves.drop(TIMES)):
            return f"bit-equal curves ({reason})"
        raise FailedError("the curves differ") from None
    raise FailedError("the run was not interrupted")
