"""Models, data, tasks and optimizers of a user that the check before the start must refuse or accept."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from descentlab.data.digits import Digits
from descentlab.data.loading.tensors import Splits
from descentlab.launchers.checks.rehearsal import LARGE
from descentlab.tasks.classification import Classification


class Narrow(nn.Linear):
    """Can be constructed, and fails when it is called."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        super().__init__(3, num_outputs)


class Exits(nn.Linear):
    """Raises SystemExit in its constructor."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        raise SystemExit(3)


class Segfaults(nn.Linear):
    """Kills its process in its constructor."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)


class Wide(nn.Linear):
    """Takes a keyword `hidden` with another meaning than the MLP's."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        assert hidden == 64
        super().__init__(num_features, num_outputs)

    def forward(self, x):
        return super().forward(x.flatten(1))


class Huge(nn.Module):
    """Has more parameters than the check trains, and a forward pass that must not be called."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(LARGE + 1))

    def forward(self, x):
        raise AssertionError("it is too large to try")


def make_net(num_features: int, num_outputs: int) -> object:
    """Return something that is no model."""
    return "a text"


class Unlucky(Digits):
    """Raises a KeyError while it loads."""

    def load(self):
        raise KeyError("column x")


class Absent(Digits):
    """Data that only the nodes of a cluster have."""

    def load(self):
        raise FileNotFoundError("/nodes/only")


class Misaligned(Digits):
    """The digits with a defect: fewer inputs than targets ("rows"), a pixel that is NaN ("nan"), or a label `how`."""

    def __init__(self, how, *args, **more):
        super().__init__(*args, **more)
        self.how = how

    def load(self):
        splits = super().load()
        (x, y), (vx, vy) = splits.train, splits.valid
        if self.how == "rows":
            return Splits((x[10:], y), splits.valid, splits.test)
        if self.how == "nan":
            vx[3].flatten()[0] = torch.nan
        else:
            vy[30] = int(self.how)
        return splits


class Detached(Classification):
    """A task whose loss does not depend on the weights."""

    def loss(self, predict, batch):
        return super().loss(predict, batch).detach().requires_grad_()


class Unused(nn.Linear):
    """Has a layer that its forward pass does not use."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__(num_features, num_outputs)
        self.other = nn.Linear(2, 2)

    def forward(self, x):
        return super().forward(x.flatten(1))


class AtLeast(Unused):
    """Takes batches of at least eight examples."""

    def forward(self, x):
        assert len(x) >= 8, f"need at least 8, got {len(x)}"
        return super().forward(x)


class Stateful(torch.optim.SGD):
    """Has an eval() that needs the state of the first step."""

    def train(self): ...

    def eval(self):
        assert self.state, "no state yet"


class Never(torch.optim.SGD):
    """Fails at its first step."""

    def step(self, closure=None):
        raise RuntimeError("step 1 never works")


class Cached(nn.Linear):
    """Keeps a tensor in the class, as tables of positions often are."""

    positions: ClassVar[list[torch.Tensor]] = []

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__(num_features, num_outputs)
        if not self.positions:
            self.positions.append(torch.arange(num_outputs))

    def forward(self, x):
        return super().forward(x.flatten(1)) + self.positions[0]


class Wrapped:
    """Returns an instance of another class from its constructor."""

    def __new__(cls, num_features: int, num_outputs: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(num_features, num_outputs))


class Lingering(nn.Linear):
    """Starts a thread that does not end."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        import threading
        import time

        threading.Thread(target=time.sleep, args=(600,)).start()
        super().__init__(num_features, num_outputs)

    def forward(self, x):
        return super().forward(x.flatten(1))


class Deadly(Digits):
    """Kills its process in its constructor."""

    def __init__(self, **properties: object) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
