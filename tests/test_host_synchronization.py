"""Steps on a device other than the CPU copy nothing between host and device, since the host would wait for a GPU.

The device "meta", whose tensors have no values, stands for the GPU: torch refuses to read them.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from conftest import ROOT, compose_config, every_optimizer
from support.problems import missing, trainable
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from descentlab.data.loading import loader as loaders
from descentlab.data.loading.placement import Placement
from descentlab.optim.step import Step
from descentlab.store.core import Core
from descentlab.training.setup import load_data, make_task, plan_of

DEVICE = torch.device("meta")
READS = {  # optimizers whose update depends on values that the host reads at every step
    **dict.fromkeys(("adafactor", "asgd"), "torch's implementation for a single tensor"),
    **dict.fromkeys(("alig", "dadapt_adam", "dadapt_sgd", "prodigy", "ranger21"), "implementation of a library"),
    "lbfgs": "its line search",
}
BOXES = {"fashion_scenes_detector", "neon_trees_detector"}  # the number of locations with a box is read


class Copies(TorchDispatchMode):
    """Records the operations that copy a tensor, other than a scalar, between the CPU and the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, result)) if isinstance(each, Tensor)]
        if {each.device.type for each in tensors if each.dim()} == {"cpu", "meta"}:
            self.found.append(str(func))
        return result


def copies(*words: str) -> list[str]:
    """Return the copies of the second and the third step of a run."""
    config, _, mistakes = compose_config(*words, "budget.epochs=null", "budget.steps=100", f"data_dir={ROOT}/data")
    assert not mistakes, mistakes
    core, data = Core.of(config), load_data(config)
    plan = plan_of(core, data)
    data.serve(plan, core.data_seed, core.microbatch)
    task = make_task(config, data, plan)
    task.data, data.placement = data, Placement(DEVICE)
    task.setup("fit")
    task.to(DEVICE)
    backward = partial(Tensor.backward, create_graph=task.recipe.needs.graph)
    optimizer = task.recipe.make(task.model, plan.total)
    step, loader = Step(task.model, task._own_loss, backward, optimizer, task.recipe, plan.total), data.train_dataloader()
    step(loader.parts(0))
    with Copies() as found:
        for number in (1, 2):
            step(loader.parts(number))
    return found.found


def test_a_copy_is_found(monkeypatch):
    def indices(self: loaders.TrainLoader, step: int) -> Tensor:
        return loaders.upload(self.indices(step), self.device)

    monkeypatch.setattr(loaders.TrainLoader, "_indices_on_device", indices)
    assert copies("problem=digits_mlp") == ["aten._to_copy.default"] * 2


@pytest.mark.parametrize(
    "words", [(), ("batch_size=full",), ("microbatch=10", "clip.norm=1", "average.kind=ema", "decay.rate=0.1")]
)
def test_a_step_of_digits_copies_nothing(words):
    assert copies("problem=digits_mlp", *words) == []


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [each for each in every_optimizer() if each not in READS])
def test_a_step_of_every_optimizer_copies_nothing(optimizer):
    assert copies("problem=digits_mlp", f"optimizer={optimizer}") == []


@pytest.mark.slow
@pytest.mark.parametrize("problem", [each for each in trainable() if each not in BOXES])
def test_a_step_of_every_problem_copies_only_the_numbers_of_augmentations(problem):
    """Uniform numbers of augmentations are drawn on the CPU; they are copied from pinned memory, without waiting."""
    if data := missing(problem):
        pytest.skip(f"the data have not been fetched: python scripts/data.py fetch {data}")
    drawn = problem in {"movielens_bpr", "movielens_ncf", "orl_faces_recognition"}
    assert copies(f"problem={problem}") == ["aten._to_copy.default"] * 2 * drawn
