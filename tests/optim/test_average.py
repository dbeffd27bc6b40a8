"""Means of the weights over steps: the numbers are those computed by hand, and training knows nothing of them."""

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
from descentlab.parallel.weights import copied

RUN = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=30", "validate_every=10", "log_every=1", "data.limit=300")


def walked(average: Average, steps: int, total: int | None = None, dtype: torch.dtype = torch.float32):
    """A weight that walks by -0.1 (x - 1) a step, the positions after each step, and its Step."""
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


def judged(step: Step) -> torch.Tensor:
    """The weights that a validation sees; those in training are there again afterwards."""
    before = copied(step.model)
    step.look.begin(())
    seen = step.model.w.detach().double()
    step.look.end()
    assert torch.equal(step.model.w, before["w"])
    return seen


@pytest.mark.parametrize(("start", "total", "first"), [(0, None, 0), (4, None, 4), (0.5, 10, 5)])
def test_swa_is_the_plain_mean_of_the_weights_from_its_start_on(start, total, first):
    step, positions = walked(Average(kind="swa", start=start), 10, total)
    torch.testing.assert_close(judged(step), torch.stack(positions[first:]).mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("decay", [0.5, 0.999])
@pytest.mark.parametrize("start", [0, 4])
def test_ema_forgets_its_first_weights_soon_and_later_ones_by_decay(decay, start):
    step, positions = walked(Average(kind="ema", decay=decay, start=start), 40)
    expected = positions[start]
    for n, position in enumerate(positions[start + 1 :], 1):
        d = min(decay, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * position
    torch.testing.assert_close(judged(step), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_before_its_start_weights_are_judged_as_they_are(kind):
    step, positions = walked(Average(kind=kind, start=5), 5)
    assert torch.equal(judged(step), positions[-1])


def test_short_numbers_do_not_stop_a_mean():
    """In bfloat16 a sum of 2000 shares of 1/3000 comes to a halt on its way."""
    model = nn.Module()
    model.w = nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
    tracker = Average(kind="swa").tracker([model.w], None)
    for step in range(1, 3001):
        model.w.data.fill_(float(step > 1000))
        tracker.update(step)
    tracker.put()
    assert float(model.w.detach()) == pytest.approx(2 / 3, rel=0.01)


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("at", [3, 7], ids=["before its start", "after it"])
def test_it_goes_on_from_its_saved_state_bit_for_bit(kind, at):
    whole, _ = walked(Average(kind=kind, start=5), 12)
    first, _ = walked(Average(kind=kind, start=5), at)
    file = io.BytesIO()
    torch.save({"weights": copied(first.model), "step": first.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other, _ = walked(Average(kind=kind, start=5), 0)
    other.model.load_state_dict(saved["weights"])
    other.load_state_dict(saved["step"])
    for count in range(at, 12):
        other([Part((torch.full((2,), float(count % 3)),), 1.0)])
    assert torch.equal(judged(other), judged(whole))


def test_what_is_saved_does_not_move_on():
    step, _ = walked(Average(kind="swa"), 3)
    saved = step.state_dict()
    before = saved["average"]["mean"][0].clone()
    step([Part((torch.ones(2),), 1.0)])
    assert torch.equal(saved["average"]["mean"][0], before)
    step.load_state_dict(saved)
    step([Part((torch.ones(2),), 1.0)])
    assert torch.equal(saved["average"]["mean"][0], before)


def test_a_start_that_the_run_never_reaches_is_refused():
    with pytest.raises(UsageError, match=r"average\.start=10: the run has 10 steps"):
        walked(Average(kind="swa", start=10), 0, total=10)
    walked(Average(kind="swa", start=9), 0, total=10)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_a_run_validates_the_mean_and_trains_as_without(train, kind):
    plain, averaged = train(*RUN), train(*RUN, f"average.kind={kind}", "sweep=averaged")
    assert averaged.column("train/loss") == plain.column("train/loss")
    assert averaged.column("train/update_norm") == plain.column("train/update_norm")
    assert averaged.column("valid/loss")[0] == plain.column("valid/loss")[0], "nothing to average before the first step"
    assert not set(averaged.column("valid/loss")[1:]) & set(plain.column("valid/loss"))
    assert averaged.record.summary["test"]["loss"] != plain.record.summary["test"]["loss"]


def test_a_mean_that_begins_later_changes_only_what_is_later(train):
    plain, averaged = train(*RUN), train(*RUN, "average.kind=swa", "average.start=0.5", "sweep=averaged")
    same = [a == b for a, b in zip(averaged.column("valid/loss"), plain.column("valid/loss"), strict=True)]
    assert same == [True, True, False, False]


def test_a_mean_of_one_step_is_that_steps_weights(train):
    plain, averaged = train(*RUN), train(*RUN, "average.kind=swa", "average.start=29", "sweep=averaged")
    assert averaged.column("valid/loss") == plain.column("valid/loss")
