"""Evaluation weights: batch normalization uses statistics computed for them, and training is not affected."""

from functools import partial

import pytest
import pytorch_optimizer
import schedulefree
import torch
from support.torchrun import train_in_two_processes
from torch import nn

from descentlab.config.requirements import Requirements
from descentlab.data.loading.loader import Part
from descentlab.models.mlp import MLP
from descentlab.optim import scratch
from descentlab.optim.average import Average
from descentlab.optim.evaluation import RECALIBRATION, FrozenStatistics, recalibrate
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step
from descentlab.run import run as run_job
from descentlab.store.record import read_curves
from descentlab.tasks.base import Task

RUN = ("problem=digits_mlp", "model.norm=batch", "data.drop_last=true", "budget.epochs=null", "log_every=1", "data.limit=300")
EVALUATES_OTHER_WEIGHTS = [
    ("optimizer=schedulefree_sgd",),
    ("optimizer=schedulefree_adamw",),
    ("optimizer=scratch/schedule_free_adamw",),
    ("optimizer=adam", "average.kind=ema", "average.decay=0.9"),
    ("optimizer=adam", "average.kind=swa"),
]


def net(dropout: float = 0.0) -> MLP:
    torch.manual_seed(0)
    return MLP(6, 3, [5, 4], norm="batch", dropout=dropout)


def batches(count):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(8, 6, generator=generator) + i for i in range(count)]


def trained(model, optimizer, steps=5, **recipe):
    recipe = Recipe(optimizer=optimizer, **recipe)
    step = Step(model, lambda batch: (model(*batch) - 1).pow(2).mean(), torch.Tensor.backward, recipe.make(model), recipe, None)
    for batch in batches(steps):
        step([Part((batch,), 1.0)])
    return step


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]


def statistics(model):
    return [buffer.clone() for norm in norms(model) for buffer in (norm.running_mean, norm.running_var)]


def by_hand(model, inputs):
    """Return the means over batches of the mean and unbiased variance of the input of each norm, at the model's weights."""
    seen: dict[nn.Module, list[torch.Tensor]] = {norm: [] for norm in norms(model)}

    def record(norm, arguments):
        seen[norm].append(torch.stack([arguments[0].mean(0), arguments[0].var(0)]))

    hooks = [norm.register_forward_pre_hook(record) for norm in seen]
    model.train()
    with torch.no_grad(), FrozenStatistics(model):
        for batch in inputs:
            model(batch)
    for hook in hooks:
        hook.remove()
    return [each for values in seen.values() for each in torch.stack(values).mean(0)]


EVALUATED = {
    "schedule-free": (partial(schedulefree.SGDScheduleFree, lr=0.5), {}),
    "schedule-free from scratch": (partial(scratch.ScheduleFreeAdamW, lr=0.1), {}),
    "ema": (partial(torch.optim.SGD, lr=0.1), {"average": Average(kind="ema")}),
    "swa": (partial(torch.optim.SGD, lr=0.1), {"average": Average(kind="swa")}),
}


@pytest.mark.parametrize("name", EVALUATED)
def test_running_statistics_are_recomputed_for_the_evaluation_weights(name):
    optimizer, more = EVALUATED[name]
    model = net()
    step = trained(model, optimizer, **more)
    before = statistics(model)
    model.eval()
    assert step.evaluation_weights.needs_batches()
    step.evaluation_weights.apply(batches(5))
    assert all(not norm.training and norm.momentum == 0.1 for norm in norms(model))
    found = statistics(model)
    for mine, expected in zip(found, by_hand(model, batches(5)), strict=True):
        torch.testing.assert_close(mine, expected)
    assert not any(torch.equal(mine, old) for mine, old in zip(found, before, strict=True))
    step.evaluation_weights.restore()
    assert all(torch.equal(mine, old) for mine, old in zip(statistics(model), before, strict=True))


def test_running_statistics_are_kept_if_the_training_weights_are_evaluated():
    model = net()
    step = trained(model, partial(torch.optim.SGD, lr=0.1))
    before = statistics(model)
    assert not step.evaluation_weights.needs_batches()
    step.evaluation_weights.apply(batches(5))
    assert all(torch.equal(mine, old) for mine, old in zip(statistics(model), before, strict=True))


def test_recalibration_draws_no_random_number_and_applies_no_dropout():
    model = net(dropout=0.5).eval()
    state = torch.get_rng_state()
    recalibrate(model, batches(3))
    assert torch.equal(torch.get_rng_state(), state)
    plain = net().eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    recalibrate(plain, batches(3))
    assert all(torch.equal(a, b) for a, b in zip(statistics(model), statistics(plain), strict=True))


def test_recalibration_without_batches_changes_nothing():
    model = net()
    model(batches(1)[0])
    before = statistics(model)
    recalibrate(model, [])
    assert all(torch.equal(mine, old) for mine, old in zip(statistics(model), before, strict=True))


@pytest.mark.parametrize("words", EVALUATES_OTHER_WEIGHTS, ids=" ".join)
def test_number_of_validations_does_not_affect_training(train, words):
    often = train(*RUN, *words, "budget.steps=23", "validate_every=5")
    rarely = train(*RUN, *words, "budget.steps=23", "validate_every=1000")
    assert often.column("train/loss") == rarely.column("train/loss")
    assert often.column("valid/loss")[-1] == rarely.column("valid/loss")[-1]
    assert len(often.column("valid/loss")) == 6 > len(rarely.column("valid/loss"))


@pytest.mark.slow
def test_number_of_validations_does_not_affect_sharded_training(job):
    """The next step does not start from the weights that a validation gathered."""
    words = ("problem=digits_mlp", "optimizer=schedulefree_sgd", "optimizer.lr=5", "budget.epochs=null", "budget.steps=12")
    words += ("log_every=1", "data.limit=300", "trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2")
    often, rarely = (job(*words, f"validate_every={steps}", f"sweep=every{steps}") for steps in (2, 1000))
    train_in_two_processes([often, rarely])
    losses = [read_curves(each.folder)["train/loss"].drop_nulls().to_list() for each in (often, rarely)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 12


@pytest.mark.parametrize("words", EVALUATES_OTHER_WEIGHTS[2:4], ids=" ".join)
def test_run_validates_with_statistics_of_its_last_batches(job, monkeypatch, words):
    checked = []

    def on_validation_epoch_start(task):
        if task.step.count:
            loader = task.trainer.datamodule.loader
            recent = [
                loader.parts(step)[0].batch[0] for step in range(max(0, task.step.count - RECALIBRATION), task.step.count)
            ]
            found = statistics(task.model)
            for mine, expected in zip(found, by_hand(task.model, recent), strict=True):
                torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5)
            task.model.eval()
            checked.append(len(recent))

    monkeypatch.setattr(Task, "on_validation_epoch_start", on_validation_epoch_start)
    run_job(job(*RUN, *words, "budget.steps=60", "validate_every=30"))
    assert checked == [30, RECALIBRATION]


def plain_statistics(model, make):
    """Return the running statistics of a plain loop that evaluates each batch once."""
    optimizer = make(model.parameters())
    for batch in batches(1):
        optimizer.zero_grad()
        (model(batch) - 1).pow(2).mean().backward()
    return statistics(model)


SEVERAL_A_STEP = {
    "SAM": (partial(pytorch_optimizer.SAM, base_optimizer=torch.optim.SGD, lr=0.1, rho=0.5), Requirements(two_passes=True)),
    "LBFGS": (partial(torch.optim.LBFGS, lr=0.1, max_iter=4), Requirements(closure=True)),
}


@pytest.mark.parametrize("name", SEVERAL_A_STEP)
def test_further_evaluations_of_a_step_do_not_update_running_statistics(name):
    make, needs = SEVERAL_A_STEP[name]
    model = net()
    step = trained(model, make, steps=1, needs=needs)
    assert step.evaluations > 1
    assert all(torch.equal(a, b) for a, b in zip(statistics(model), plain_statistics(net(), make), strict=True))
    assert all(norm.num_batches_tracked == 1 and norm.track_running_stats for norm in norms(model))


def test_further_evaluations_normalize_by_the_batch():
    model, (batch,) = net(), batches(1)
    expected = model(batch)
    with FrozenStatistics(model):
        assert torch.equal(model(batch), expected)
    model.eval()
    assert not torch.equal(model(batch), expected)


class NeedsState(torch.optim.SGD):
    """Optimizer whose train() and eval() fail before the first step, like pytorch_optimizer's SPlus."""

    def train(self):
        self._put("train")

    def eval(self):
        self._put("eval")

    def _put(self, mode):
        for group in self.param_groups:
            for p in group["params"]:
                assert self.state[p]["momentum_buffer"] is not None, mode  # KeyError


NEEDS_STATE = {"splus": partial(pytorch_optimizer.SPlus, lr=0.1), "own": partial(NeedsState, lr=0.1, momentum=0.9)}


@pytest.mark.parametrize("name", NEEDS_STATE)
def test_before_the_first_step_the_optimizer_mode_is_not_changed(name):
    model = net()
    step = trained(model, NEEDS_STATE[name], steps=0)
    before = [p.clone() for p in model.parameters()]
    step.evaluation_weights.apply(())
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    step.evaluation_weights.restore()
    step([Part((batches(1)[0],), 1.0)])
    after = [p.clone() for p in model.parameters()]
    step.evaluation_weights.apply(())
    step.evaluation_weights.restore()
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), after, strict=True))


WITH_STATE = {
    "splus": ("optimizer=tiger", "~optimizer.beta", "optimizer._target_=pytorch_optimizer.SPlus", "optimizer.lr=0.1"),
    "own": ("optimizer=momentum", "optimizer._target_=optim.test_evaluation.NeedsState"),
}


@pytest.mark.parametrize("name", WITH_STATE)
def test_optimizer_whose_eval_fails_before_the_first_step_trains(train, name):
    run = train("problem=digits_mlp", *WITH_STATE[name], "budget.epochs=null", "budget.steps=5", "validate_every=2")
    assert run.record.status == "completed"
    assert len(run.column("valid/loss")) == 4
