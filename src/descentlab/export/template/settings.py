"""Constants of an exported script. Their comments are copied; the values here are those of the type checker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from descentlab.data.loading.augment import CropFlip
from descentlab.optim.schedules import Constant, Schedule

SEED: int = 0  # of the initial weights
DATA_SEED: int = 0  # of the order of batches
BATCH_SIZE: int = 32  # examples per step
EPOCH_EXAMPLES: int = 1000  # examples of an epoch
MICROBATCH: int | None = None  # examples processed at once
STEPS: int = 100  # optimizer steps of the run
TOTAL_STEPS: int | None = 100  # of the budget, to which the schedules refer
VALIDATE_EVERY: int = 100  # steps between validations
LOG_EVERY: int = 10  # steps between printed training losses, each the mean since the previous one
EVAL_BATCH: int = 1000  # examples of an evaluation batch
MONITOR: str = "accuracy"  # the validation metric that selects the weights that are tested
MODE: str = "max"  # the better direction of that metric: min or max
DIVERGED: bool = False
CLIP_NORM: float | None = None  # bound on the Euclidean norm of the gradient
CLIP_VALUE: float | None = None  # bound on each element of the gradient
CLIP_ADAPTIVE: float | None = None  # bound on the norm of each unit's gradient, divided by that of its weights
DECAY_RATE: float = 0.0  # weight decay in addition to the optimizer's own
DECAY_KIND: str = "decoupled"
DECAY_TO: str = "all"  # the parameters with weight decay: all, or matrices (neither biases nor norms)
LR_DECAY: float = 1.0  # the learning rate of a layer divided by that of the next layer
GROUPS: Sequence[dict[str, object]] = ()  # parameter groups: the first entry that matches a parameter decides
AVERAGE: str = "none"  # the weights that are evaluated: an average over steps
AVERAGE_DECAY: float = 0.999  # of the moving average
AVERAGE_START: int = 0  # steps before the average starts
EVALUATION_MODE: bool = False
CLOSURE: bool = False
COMPILE: bool = False
DETERMINISTIC: bool = False
FULL_BATCH: bool = False
KEEP_OUTPUTS: bool = True
SCHEDULED: bool = False
MOMENTA: bool = False
SCORED: bool = False
PLATEAU: bool = False
THREADS: int = 1  # with another number, sums are rounded differently
DEVICE: str = "cpu"  # that the run was trained on
DATA_DIR: str = "data"  # folder of the files of the data set
DATA_FILE: str = "text.txt"
LENGTH: int = 128  # tokens in a window
STRIDE: int = 128  # tokens from the start of a training window to that of the next
SCHEDULE: Schedule = Constant()  # multiplies the learning rate
MOMENTUM_SCHEDULE: Callable[[int, int | None], float] | None = None  # multiplies the momentum, or the first beta
DECAY_SCHEDULE: Callable[[int, int | None], float] | None = None  # multiplies the weight decay
AUGMENT: CropFlip | None = None  # transforms the inputs of training batches
