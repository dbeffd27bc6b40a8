"""Imports of the fork server for runs logged to W&B while they train: those of wandb.init. None may start a thread."""

import wandb.apis.public
import wandb.sdk.launch  # noqa: F401
