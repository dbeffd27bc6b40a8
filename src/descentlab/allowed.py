"""What each key of a configuration may be: the ranges that `config` checks before anything starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """The numbers from `low` to `high`; `open_low` and `open_high` leave the ends out."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False
    optional: bool = False

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        if not math.isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        left = "(" if self.open_low or self.low == -math.inf else "["
        right = ")" if self.open_high or self.high == math.inf else "]"
        return f"{kind} in {left}{self.low:g}, {self.high:g}{right}{' or null' * self.optional}"


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        return any(value == option and type(value) is type(option) for option in self.options)

    def __str__(self) -> str:
        written = ["null" if option is None else str(option).lower() for option in self.options]
        return written[0] if len(written) == 1 else "one of " + ", ".join(written)


@dataclass(frozen=True)
class Either:
    """What one of two constraints allows."""

    first: Number | Choice | Each
    second: Number | Choice

    def __contains__(self, value: object) -> bool:
        return value in self.first or value in self.second

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"

    @property
    def options(self) -> tuple[object, ...]:
        return (*getattr(self.first, "options", ()), *getattr(self.second, "options", ()))


@dataclass(frozen=True)
class Each:
    """A list whose every element satisfies `element`; `length` of them where it is given."""

    element: Number | Text
    length: int | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, list) or self.length not in (None, len(value)):
            return False
        return all(item in self.element for item in value)

    def __str__(self) -> str:
        return f"a list of {self.length or 'any number of'} values, each {self.element}"


@dataclass(frozen=True)
class Text:
    """A text that is not empty, of at most `longest` characters; `without`: characters that it must not contain."""

    optional: bool = False
    without: str = ""
    longest: int | None = None

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.optional
        if not isinstance(value, str) or not value.strip() or set(value) & set(self.without):
            return False
        return self.longest is None or len(value) <= self.longest

    def __str__(self) -> str:
        excluded = f" without {' '.join(self.without)}" if self.without else ""
        bounded = f" of at most {self.longest} characters" if self.longest else ""
        return f"a text{bounded}{excluded}{' or null' * self.optional}"


POSITIVE = Number(0, open_low=True)
OPTIONAL_POSITIVE = Number(0, open_low=True, optional=True)
NON_NEGATIVE = Number(0)
FRACTION = Number(0, 1, open_high=True)
COUNT = Number(1, integer=True)
OPTIONAL_COUNT = Number(1, integer=True, optional=True)
FLAG = Choice((True, False))
INIT = Choice(("default", "glorot", "he", "standard", "zeros"))

ALLOWED: Mapping[str, Number | Choice | Either | Each | Text] = {
    "seed": Number(0, 2**32 - 1, integer=True),
    "data_seed": Number(0, 2**32 - 1, integer=True),
    "batch_size": Either(COUNT, Choice(("full",))),
    "microbatch": OPTIONAL_COUNT,
    "budget.epochs": OPTIONAL_POSITIVE,
    "budget.steps": OPTIONAL_COUNT,
    "budget.examples": OPTIONAL_COUNT,
    "budget.seconds": OPTIONAL_POSITIVE,
    "clip.norm": OPTIONAL_POSITIVE,
    "clip.value": OPTIONAL_POSITIVE,
    "decay.rate": Number(0, optional=True),
    "decay.kind": Choice(("coupled", "decoupled", "independent")),
    "decay.to": Choice(("all", "matrices")),
    "lr_decay": Number(0, open_low=True),
    "average.kind": Choice(("none", "ema", "swa")),
    "average.decay": FRACTION,
    "average.start": NON_NEGATIVE,
    "baseline.method": Choice(("normal_equation", "least_squares", "ridge")),
    "baseline.weight_decay": NON_NEGATIVE,
    "baseline.code_size": COUNT,
    "baseline.likelihood": Choice(("gaussian", "bernoulli")),
    "baseline.dimensions": COUNT,
    "baseline.whiten": FLAG,
    "baseline.k": COUNT,
    "baseline.item_shrinkage": POSITIVE,
    "baseline.user_shrinkage": POSITIVE,
    "engine": Choice(("lightning", "explicit")),
    "compile": FLAG,
    "needs.closure": FLAG,
    "needs.two_passes": FLAG,
    "needs.graph": FLAG,
    "needs.random": FLAG,
    "needs.whole": FLAG,
    "needs.model": FLAG,
    "needs.constant_lr": FLAG,
    "needs.total_steps": Text(optional=True),
    "needs.in_groups": Each(Text()),
    "target": Number(optional=True),
    "validate_every": OPTIONAL_COUNT,
    "log_every": COUNT,
    "stop.divergence": Number(1, open_low=True, optional=True),
    "stop.patience": OPTIONAL_COUNT,
    "stop.min_delta": NON_NEGATIVE,
    "stop.at_target": FLAG,
    "deterministic": FLAG,
    "rerun": FLAG,
    "sweep": Text(optional=True),
    "output_dir": Text(),
    "data_dir": Text(),
    "logger.project": Text(optional=True, without="/\\#?%:", longest=128),
    "logger.entity": Text(optional=True, without="/\\#?%:"),
    "on_error": Choice(("continue", "stop")),
    "retries": Number(0, integer=True),
    "retry_after": NON_NEGATIVE,
    "timeout": OPTIONAL_POSITIVE,
    "heartbeat": OPTIONAL_POSITIVE,
    "checkpoint.every": Number(0, optional=True),
    "checkpoint.keep": FLAG,
    "workers": OPTIONAL_COUNT,
    "threads": COUNT,
    "jobs_per_gpu": COUNT,
    "optimizer.lr": NON_NEGATIVE,
    "optimizer.momentum": FRACTION,
    "optimizer.dampening": Number(0, 1),
    "optimizer.weight_decay": NON_NEGATIVE,
    "optimizer.nesterov": FLAG,
    "optimizer.betas": Each(FRACTION),
    "optimizer.lr_decay": NON_NEGATIVE,
    "optimizer.initial_accumulator_value": NON_NEGATIVE,
    "optimizer.amsgrad": FLAG,
    "optimizer.centered": FLAG,
    "optimizer.fused": Choice((True, False, None)),
    "schedule.warmup": NON_NEGATIVE,
    "schedule.final": Number(0, 1),
    "schedule.gamma": Number(0, 1, open_low=True),
    "schedule.milestones": Each(POSITIVE),
    "schedule.every": POSITIVE,
    "schedule.power": POSITIVE,
    "schedule.period": POSITIVE,
    "schedule.growth": COUNT,
    "schedule.timescale": POSITIVE,
    "schedule.stable": NON_NEGATIVE,
    "schedule.decay": Choice(("linear", "1-sqrt")),
    "schedule.rise": POSITIVE,
    "schedule.div": Number(1),
    "schedule.final_div": Number(1),
    "schedule.anneal": Choice(("cosine", "linear")),
    "schedule.momenta": Either(Each(FRACTION, 2), Choice((None,))),
    "schedule.mode": Choice(("min", "max")),
    "schedule.factor": Number(0, 1, open_low=True, open_high=True),
    "schedule.patience": Number(0, integer=True),
    "schedule.threshold": NON_NEGATIVE,
    "schedule.cooldown": Number(0, integer=True),
    "schedule.floor": Number(0, 1),
    "model.hidden": Each(COUNT),
    "model.activation": Choice(("relu", "tanh", "sigmoid", "gelu", "silu", "identity")),
    "model.init": INIT,
    "model.norm": Choice(("none", "batch", "layer", "group")),
    "model.dropout": FRACTION,
    "model.input_dropout": FRACTION,
    "model.blocks": COUNT,
    "model.widen": COUNT,
    "model.code_size": COUNT,
    "model.stem": Choice(("imagenet", "small")),
    "model.residual": FLAG,
    "model.vocabulary": OPTIONAL_COUNT,
    "model.length": COUNT,
    "model.width": COUNT,
    "model.layers": COUNT,
    "model.heads": COUNT,
    "model.positions": Choice(("rope", "learned")),
    "model.qk_norm": FLAG,
    "model.tied": FLAG,
    "model.cell": Choice(("rnn", "lstm", "gru")),
    "model.output": Choice(("last", "every")),
    "model.init_radius": OPTIONAL_POSITIVE,
    "task.length": COUNT,
    "data.path": Text(optional=True),
    "data.folder": Text(optional=True),
    "data.hub": Text(optional=True),
    "data.vocabulary": OPTIONAL_COUNT,
    "data.length": COUNT,
    "data.stride": OPTIONAL_COUNT,
    "data.bits": Choice((2, 3)),
    "data.dtype": Choice(("uint16", "uint32")),
    "data.rows": Each(COUNT, 3),
    "model.stride": Choice((2, 4, 8, 16)),
    "model.depth": COUNT,
    "model.dimensions": COUNT,
    "model.init_std": NON_NEGATIVE,
    "model.sparse": FLAG,
    "data.scenes": Each(COUNT, 3),
    "data.shrink": COUNT,
    "data.views": Number(1, 8, integer=True),
    "data.kept": Number(0, 1, open_low=True),
    "data.held_out": Each(COUNT, 2),
    "data.strangers": Each(COUNT, 2),
    "data.points": COUNT,
    "data.deviation": NON_NEGATIVE,
    "data.kind": Choice(("regression", "binary", "classes")),
    "data.categories": Choice(("one_hot", "codes")),
    "data.valid_fraction": Number(0, 1, open_low=True, open_high=True),
    "data.test_fraction": Number(0, 1, open_low=True, open_high=True),
    "data.split_seed": Number(0, 2**32 - 1, integer=True),
    "data.drop_last": FLAG,
    "data.augment": Choice(("none", "crop_flip")),
    "data.pixels": Choice(("standardised", "unit")),
    "data.peak": POSITIVE,
    "data.positive_label": Choice((0, 1)),
    "data.workers": Number(0, integer=True),
    "data.pin_memory": FLAG,
    "data.persistent_workers": FLAG,
    "data.eval_batch": COUNT,
    "data.at_least": Number(1, 5, integer=True),
    "data.negatives": COUNT,
    "data.limit": OPTIONAL_COUNT,
    "task.criterion": Choice(("softmax", "triplet")),
    "task.surrogate.alpha": POSITIVE,
    "task.margin": NON_NEGATIVE,
    "task.scale": POSITIVE,
    "task.radius": POSITIVE,
    "task.alpha": Number(0, 1),
    "task.gamma": NON_NEGATIVE,
    "task.limit": Number(1, 100, integer=True),
    "task.error": Choice(("mse", "l1", "huber")),
    "task.positive_weight": Either(POSITIVE, Choice(("balanced",))),
    "task.focus": NON_NEGATIVE,
    "task.likelihood": Choice(("gaussian", "bernoulli")),
    "task.peak": POSITIVE,
    "task.mode": Choice(("min", "max")),
    "trainer.accelerator": Choice(("auto", "cpu", "gpu", "cuda", "mps", "tpu")),
    "trainer.devices": COUNT,
    "trainer.num_nodes": COUNT,
    "trainer.strategy": Choice(("auto", "ddp", "fsdp")),
    "trainer.precision": Choice(("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")),
}

# The settings of conf/hydra/launcher/.
LAUNCHER: Mapping[str, Number | Each | Text] = {
    "address": Text(optional=True),
    "memory_gb": OPTIONAL_POSITIVE,
    "timeout_min": POSITIVE,
    "signal_delay_s": NON_NEGATIVE,
    "max_requeues": Number(0, integer=True),
    "array_parallelism": COUNT,
    "gpus_per_node": Number(0, integer=True, optional=True),
    "mem_gb": OPTIONAL_POSITIVE,
    "partition": Text(optional=True),
    "account": Text(optional=True),
    "qos": Text(optional=True),
    "constraint": Text(optional=True),
    "setup": Each(Text()),
}
