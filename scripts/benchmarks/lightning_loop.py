"""Train as a Lightning tutorial does: automatic optimization, a DataLoader, one `self.log` per step, the CSV logger.

python lightning_loop.py SPEC.json      (benchmarks/spec.py lists the keys; steps.py starts it)
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hand_written import Loss, loss_of, make  # for imports from this folder
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Module(L.LightningModule):
    """The module of a tutorial.

    Args:
        model: the model of the specification.
        loss: the loss of its outputs and the targets.
        optimizer: the optimizer of its parameters.
        warm_up: the number of steps before the clock starts.
    """

    def __init__(self, model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, warm_up: int) -> None:
        super().__init__()
        self.model, self.loss, self.optimizer, self.warm_up, self.began = model, loss, optimizer, warm_up, 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        if self.global_step == self.warm_up:
            self.began = time.perf_counter()
        x, y = batch
        loss = self.loss(self.model(x), y)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer


def main(path: Path) -> dict[str, float]:
    """Return microseconds per step over the `steps` of the specification in `path`, without those of the warm-up."""
    warnings.filterwarnings("ignore")
    spec: dict[str, Any] = json.loads(path.read_text())
    torch.set_num_threads(1)
    train = torch.load(spec["data"])["train"]
    model, optimizer = make(spec, "foreach")
    module = Module(model, loss_of(spec), optimizer, spec["warm_up"])
    quiet: dict[str, Any] = dict.fromkeys(("enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False)
    trainer = L.Trainer(accelerator="cpu", max_steps=spec["steps"], max_epochs=-1, default_root_dir=path.parent, **quiet)
    trainer.fit(module, DataLoader(TensorDataset(*train), spec["batch_size"], shuffle=True, drop_last=spec["drop_last"]))
    return {"us": (time.perf_counter() - module.began) / (spec["steps"] - spec["warm_up"]) * 1e6}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
