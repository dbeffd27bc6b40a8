"""The loop of an exported script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from descentlab.data.loading.loader import Batch
from descentlab.export.template.batches import batches
from descentlab.export.template.evaluation import evaluate, report
from descentlab.export.template.run_parts import load_data, loss, make_model, make_optimizers
from descentlab.export.template.settings import (
    AVERAGE,
    AVERAGE_DECAY,
    AVERAGE_START,
    CLIP_ADAPTIVE,
    CLIP_NORM,
    CLIP_VALUE,
    CLOSURE,
    COMPILE,
    DECAY_KIND,
    DECAY_RATE,
    DECAY_SCHEDULE,
    DECAY_TO,
    DETERMINISTIC,
    DEVICE,
    DIVERGED,
    EVALUATION_MODE,
    LOG_EVERY,
    MICROBATCH,
    MODE,
    MOMENTA,
    MOMENTUM_SCHEDULE,
    MONITOR,
    PLATEAU,
    SCHEDULE,
    SCHEDULED,
    SEED,
    STEPS,
    THREADS,
    TOTAL_STEPS,
    VALIDATE_EVERY,
)
from descentlab.optim.output_layer import output_layer_names
from descentlab.optim.transforms.average import ema_share, swa_share
from descentlab.optim.transforms.clip import clip_adaptively
from descentlab.optim.values import set_momentum


def main() -> None:
    """Train the model, printing the values of the record's curves, and test the weights that validated best."""
    set_up_torch()
    train, valid, test = load_data()
    model = make_model().to(DEVICE)
    if COMPILE:
        model.compile()
    optimizers = make_optimizers(model)
    if AVERAGE != "none":
        mean: list[Tensor] = []

    values, weights = evaluate(model, valid), copy_weights(model)
    report(0, "valid", values)
    best, best_weights = values[MONITOR], weights
    losses: list[float] = []  # since the last one printed
    for step, batch in zip(range(STEPS), batches(train), strict=False):
        if SCHEDULED:
            set_hyperparameters(optimizers, step)
        losses.append(take_step(model, optimizers, batch))
        if AVERAGE != "none" and step >= AVERAGE_START:
            mean = averaged(mean, parameters_of(optimizers), step - AVERAGE_START)  # pyright: ignore[reportPossiblyUnboundVariable]
        if step % LOG_EVERY == 0:
            report(step, "train", {"lr": max(group["lr"] for group in optimizers[0].param_groups)})
        if step % LOG_EVERY == 0 or step + 1 == STEPS:
            report(step, "train", {"loss": sum(losses) / len(losses)})
            losses = []
        if (step + 1) % VALIDATE_EVERY == 0 or step + 1 == STEPS:
            if EVALUATION_MODE or AVERAGE != "none":
                found = mean if AVERAGE != "none" else []  # pyright: ignore[reportPossiblyUnboundVariable]
                values, weights = evaluate_instead(model, valid, optimizers, found)
            else:
                values, weights = evaluate(model, valid), copy_weights(model)
            report(step + 1, "valid", values)
            if not DIVERGED and (math.isnan(best) or (values[MONITOR] > best if MODE == "max" else values[MONITOR] < best)):
                best, best_weights = values[MONITOR], weights
            if PLATEAU:
                SCHEDULE.observe(values[MONITOR])
    if not DIVERGED:
        model.load_state_dict(best_weights)
        report(STEPS, "test", evaluate(model, test))


def set_up_torch() -> None:
    """Set threads and determinism, and seed the random numbers of initial weights and dropout."""
    torch.set_num_threads(THREADS)
    if DETERMINISTIC:
        torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of weights and buffers by name."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def take_step(model: nn.Module, optimizers: Sequence[Optimizer], batch: Batch) -> float:
    """Update the weights once, and return the loss of the batch before the update."""
    if CLOSURE:
        losses: list[float] = []

        def closure() -> float:
            losses.append(set_gradients(model, optimizers, batch))
            return losses[-1]

        optimizers[0].step(closure)
        value = losses[0]
    else:
        value = set_gradients(model, optimizers, batch)
    if DECAY_RATE and DECAY_KIND != "coupled":
        decay_weights(optimizers)
    if not CLOSURE:
        for optimizer in optimizers:
            optimizer.step()
    return value


def set_gradients(model: nn.Module, optimizers: Sequence[Optimizer], batch: Batch) -> float:
    """Set the gradient of every parameter to that of the batch's mean loss, and return the loss."""
    for optimizer in optimizers:
        optimizer.zero_grad()
    if MICROBATCH is not None:
        shares: list[Tensor] = []
        for part in zip(*(tensor.split(MICROBATCH) for tensor in batch), strict=True):
            share = loss(model, part) * (len(part[0]) / len(batch[0]))
            share.backward()
            shares.append(share.detach())
        value = torch.stack(shares).sum()
    else:
        value = loss(model, batch)
        value.backward()
    if DECAY_RATE and DECAY_KIND == "coupled":
        decay_gradients(optimizers)
    if CLIP_VALUE is not None:
        nn.utils.clip_grad_value_(model.parameters(), CLIP_VALUE)
    if CLIP_ADAPTIVE is not None:
        clip_units(model, CLIP_ADAPTIVE)
    if CLIP_NORM is not None:
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    return value.item()


@torch.no_grad()
def clip_units(model: nn.Module, bound: float) -> None:
    """Clip the gradients of all layers but the output layer adaptively, in place."""
    last = output_layer_names(model)
    params = [param for name, param in model.named_parameters() if param.grad is not None and name not in last]
    gradients = [param.grad for param in params if param.grad is not None]
    for gradient, clipped in zip(gradients, clip_adaptively(gradients, params, bound), strict=True):  # pyright: ignore[reportArgumentType]
        gradient.copy_(clipped)


@torch.no_grad()
def decay_gradients(optimizers: Sequence[Optimizer]) -> None:
    """Add rate * weight to the gradients (L2)."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        rate = DECAY_RATE * (group["decay"] if DECAY_SCHEDULE is not None else 1.0)
        for param in group["params"]:
            if param.grad is not None and (DECAY_TO == "all" or param.dim() >= 2):
                param.grad.add_(param, alpha=rate)


@torch.no_grad()
def decay_weights(optimizers: Sequence[Optimizer]) -> None:
    """Scale the weights by 1 - lr * rate; for independent decay, by 1 - schedule * rate."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        rate = DECAY_RATE * (group["decay"] if DECAY_SCHEDULE is not None else 1.0)
        shrink = rate * (group.get("schedule", 1.0) if DECAY_KIND == "independent" else group["lr"])
        for param in group["params"]:
            if param.grad is not None and (DECAY_TO == "all" or param.dim() >= 2):
                param.mul_(1 - shrink)


def set_hyperparameters(optimizers: Sequence[Optimizer], step: int) -> None:
    """Set the scheduled hyperparameters of a step, as multiples of the initial ones."""
    multiplier = SCHEDULE(step, TOTAL_STEPS)
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        first = group.setdefault("initial", {key: value for key, value in group.items() if key != "params"})
        group["lr"] = first["lr"] * multiplier
        if DECAY_RATE and DECAY_KIND == "independent":
            group["schedule"] = multiplier
        if MOMENTA:
            momentum = SCHEDULE.momentum(step, TOTAL_STEPS)
            factor = MOMENTUM_SCHEDULE(step, TOTAL_STEPS) if MOMENTUM_SCHEDULE is not None else None
            set_momentum(group, {"momentum": first.get("momentum"), "betas": first.get("betas")}, momentum, factor)
        if DECAY_SCHEDULE is not None:
            group["decay"] = DECAY_SCHEDULE(step, TOTAL_STEPS)
            if "weight_decay" in first:
                group["weight_decay"] = first["weight_decay"] * group["decay"]


def parameters_of(optimizers: Sequence[Optimizer]) -> list[Tensor]:
    """Return the parameters that the optimizers train."""
    return [param for optimizer in optimizers for group in optimizer.param_groups for param in group["params"]]


@torch.no_grad()
def averaged(mean: list[Tensor], weights: list[Tensor], count: int) -> list[Tensor]:
    """Return the average of weights after including the current ones; `count` were included before."""
    if not mean:
        return [weight.detach().clone() for weight in weights]
    share = swa_share(count) if AVERAGE == "swa" else ema_share(count, AVERAGE_DECAY)
    return [torch.lerp(old, weight, share) for old, weight in zip(mean, weights, strict=True)]


@torch.no_grad()
def evaluate_instead(
    model: nn.Module, split: Batch, optimizers: Sequence[Any], mean: Sequence[Tensor]
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Evaluate the model at weights other than those it trains, which are restored; return the values and these weights."""
    trained = copy_weights(model)
    if EVALUATION_MODE:
        for optimizer in optimizers:
            if hasattr(optimizer, "eval"):
                optimizer.eval()
    if AVERAGE != "none":
        for param, value in zip(parameters_of(optimizers), mean, strict=False):  # before the average starts, there is none
            param.copy_(value)
    values, weights = evaluate(model, split), copy_weights(model)
    model.load_state_dict(trained)
    return values, weights
