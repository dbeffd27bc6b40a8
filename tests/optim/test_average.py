"""Averages of the weights: their values equal a computation by hand, and they do not affect training."""

import io
from functools import partial

import pytest
import torch
from torch import nn

from descentlab.data.loading.loader import Part
from descentlab.errors import UsageError
from descentlab.optim.average import Average
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step
from descentlab.parallel.weights import copy_weights

RUN = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=30", "validate_every=10", "log_every=1", "data.limit=300")


def walk(average: Average, steps: int, total: int | None = None, dtype: torch.dtype = torch.float32):
    """Return a Step after `steps` updates of a weight w by -0.1 (w - x), and the values of w after each."""
    model = nn.Module()
    model.w = nn.Parameter(torch.tensor([3.0, -1.0], dtype=dtype))
    recipe = Recipe(optimizer=partial(torch.optim.SGD, lr=0.1), average=average)
    loss = lambda batch: 0.5 * (model.w - batch[0]).pow(2).sum()  # noqa: E731
    step = Step(model, loss, torch.Tensor.backward, recipe.make(model), recipe, total)
    positions = []
    for count in range(steps):
        step([Part((torch.full((2,), float(count % 3), dtype=dtype),), 1.0)])
        positions.append(model.w.detach().double())
    return step, positions


def evaluated(step: Step) -> torch.Tensor:
    """Return the weights that a validation uses, and check that the training weights are restored."""
    before = copy_weights(step.model)
    step.evaluation_weights.apply(())
    seen = step.model.w.detach().double()
    step.evaluation_weights.restore()
    assert torch.equal(step.model.w, before["w"])
    return seen


@pytest.mark.parametrize(("start", "total", "first"), [(0, None, 0), (4, None, 4), (0.5, 10, 5)])
def test_swa_is_the_plain_mean_of_the_weights_since_its_start(start, total, first):
    step, positions = walk(Average(kind="swa", start=start), 10, total)
    torch.testing.assert_close(evaluated(step), torch.stack(positions[first:]).mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("decay", [0.5, 0.999])
@pytest.mark.parametrize("start", [0, 4])
def test_ema_has_a_smaller_decay_at_first(decay, start):
    step, positions = walk(Average(kind="ema", decay=decay, start=start), 40)
    expected = positions[start]
    for n, position in enumerate(positions[start + 1 :], 1):
        d = min(decay, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * position
    torch.testing.assert_close(evaluated(step), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_before_its_start_the_training_weights_are_evaluated(kind):
    step, positions = walk(Average(kind=kind, start=5), 5)
    assert torch.equal(evaluated(step), positions[-1])


def test_mean_of_bfloat16_weights_has_32_bits():
    """In bfloat16, a mean that is updated by shares of 1/3000 would stop changing."""
    model = nn.Module()
    model.w = nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
    average = Average(kind="swa").averaged([model.w], None)
    for step in range(1, 3001):
        model.w.data.fill_(float(step > 1000))
        average.update(step)
    average.copy_to_weights()
    assert float(model.w.detach()) == pytest.approx(2 / 3, rel=0.01)


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("at", [3, 7], ids=["before the start", "after the start"])
def test_resumed_average_is_bit_identical(kind, at):
    whole, _ = walk(Average(kind=kind, start=5), 12)
    first, _ = walk(Average(kind=kind, start=5), at)
    file = io.BytesIO()
    torch.save({"weights": copy_weights(first.model), "step": first.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other, _ = walk(Average(kind=kind, start=5), 0)
    other.model.load_state_dict(saved["weights"])
    other.load_state_dict(saved["step"])
    for count in range(at, 12):
        other([Part((torch.full((2,), float(count % 3)),), 1.0)])
    assert torch.equal(evaluated(other), evaluated(whole))


def test_saved_average_does_not_change_with_further_steps():
    step, _ = walk(Average(kind="swa"), 3)
    saved = step.state_dict()
    before = saved["average"]["mean"][0].clone()
    step([Part((torch.ones(2),), 1.0)])
    assert torch.equal(saved["average"]["mean"][0], before)
    step.load_state_dict(saved)
    step([Part((torch.ones(2),), 1.0)])
    assert torch.equal(saved["average"]["mean"][0], before)


def test_start_after_the_last_step_is_refused():
    with pytest.raises(UsageError, match=r"average\.start=10: the run has 10 steps"):
        walk(Average(kind="swa", start=10), 0, total=10)
    walk(Average(kind="swa", start=9), 0, total=10)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averaging_changes_validation_but_not_training(train, kind):
    plain, averaged = train(*RUN), train(*RUN, f"average.kind={kind}", "sweep=averaged")
    assert averaged.column("train/loss") == plain.column("train/loss")
    assert averaged.column("train/update_norm") == plain.column("train/update_norm")
    assert averaged.column("valid/loss")[0] == plain.column("valid/loss")[0], "nothing to average before the first step"
    assert not set(averaged.column("valid/loss")[1:]) & set(plain.column("valid/loss"))
    assert averaged.record.summary["test"]["loss"] != plain.record.summary["test"]["loss"]


def test_later_start_of_the_average_changes_only_later_validations(train):
    plain, averaged = train(*RUN), train(*RUN, "average.kind=swa", "average.start=0.5", "sweep=averaged")
    same = [a == b for a, b in zip(averaged.column("valid/loss"), plain.column("valid/loss"), strict=True)]
    assert same == [True, True, False, False]


def test_mean_of_one_step_equals_the_weights_of_that_step(train):
    plain, averaged = train(*RUN), train(*RUN, "average.kind=swa", "average.start=29", "sweep=averaged")
    assert averaged.column("valid/loss") == plain.column("valid/loss")
