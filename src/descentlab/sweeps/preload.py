"""What the fork server imports once, so that a run starts in milliseconds. Nothing here may start a thread."""

import hydra.utils  # noqa: F401
import lightning  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch  # noqa: F401
import wandb  # noqa: F401

import descentlab.callbacks.curves  # noqa: F401
import descentlab.callbacks.outcome  # noqa: F401
import descentlab.models.cnn_2c2d  # noqa: F401
import descentlab.models.linear  # noqa: F401
import descentlab.models.mlp  # noqa: F401
import descentlab.models.quadratic  # noqa: F401
import descentlab.tasks.binary  # noqa: F401
import descentlab.tasks.classification  # noqa: F401
import descentlab.tasks.regression  # noqa: F401
import descentlab.tasks.value  # noqa: F401
