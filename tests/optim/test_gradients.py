"""Clipping and weight decay around an update equal torch's own, for every kind of optimizer."""

from functools import partial

import pytest
import pytorch_optimizer
import torch
from support.probing import PROBES, probed
from support.small_steps import SGD, TOTAL, by_hand, equal, loss, net, trained
from support.torchrun import train_in_two_processes
from torch import nn

from descentlab.config.requirements import Requirements
from descentlab.data.loading.loader import Part
from descentlab.errors import UsageError
from descentlab.optim.gradients import Clip, Decay, GradientNoise
from descentlab.optim.recipe import Recipe
from descentlab.optim.schedules import Polynomial
from descentlab.optim.step import Step
from descentlab.run import run as run_job
from descentlab.store.record import read_curves

pytestmark = pytest.mark.filterwarnings("ignore:Using backward")


@pytest.mark.parametrize(
    ("clip", "torchs"),
    [
        (Clip(norm=0.3), lambda model: nn.utils.clip_grad_norm_(model.parameters(), 0.3)),
        (Clip(value=0.02), lambda model: nn.utils.clip_grad_value_(model.parameters(), 0.02)),
    ],
    ids=["norm", "value"],
)
def test_clipping_equals_torchs(clip, torchs):
    make = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
    clipped = trained(Recipe(optimizer=make, clip=clip))
    assert equal(clipped, by_hand(make, torchs))
    assert not equal(clipped, by_hand(make))


def test_elements_are_clipped_before_the_norm():
    def both(model):
        nn.utils.clip_grad_value_(model.parameters(), 0.02)
        nn.utils.clip_grad_norm_(model.parameters(), 0.03)

    assert equal(trained(Recipe(optimizer=SGD, clip=Clip(norm=0.03, value=0.02))), by_hand(SGD, both))


def test_gradient_within_the_bounds_is_unchanged():
    assert equal(trained(Recipe(optimizer=SGD, clip=Clip(norm=1e6, value=1e6, adaptive=1e6))), by_hand(SGD))


def test_noise_of_a_sparse_gradient_is_refused():
    with pytest.raises(UsageError, match="sparse"):
        table(True, SGD, noise=GradientNoise(std=0.1))


@pytest.mark.parametrize("foreach", [False, True])
def test_adam_with_decoupled_decay_equals_adamw(foreach):
    settings = {"lr": 0.01, "foreach": foreach}
    ours = trained(Recipe(optimizer=partial(torch.optim.Adam, **settings), decay=Decay(rate=0.3)))
    assert equal(ours, by_hand(partial(torch.optim.AdamW, **settings, weight_decay=0.3)))


@pytest.mark.parametrize("make", [partial(torch.optim.SGD, lr=0.1, momentum=0.9), partial(torch.optim.Adam, lr=0.01)])
def test_coupled_decay_equals_the_optimizers_own(make):
    ours = trained(Recipe(optimizer=make, decay=Decay(rate=0.3, kind="coupled")))
    assert equal(ours, by_hand(partial(make, weight_decay=0.3)))
    assert not equal(ours, by_hand(make))


@pytest.mark.parametrize("lr", [0.0, 1e-9])
def test_independent_decay_depends_on_the_schedule_and_not_on_the_learning_rate(lr):
    """With a learning rate near 0 the update is the decay alone: w (1 - rate multiplier) at each step."""
    ours = trained(Recipe(optimizer=partial(SGD, lr=lr), schedule=Polynomial(), decay=Decay(rate=0.1, kind="independent")))
    factor = torch.tensor([1 - 0.1 * (1 - step / TOTAL) for step in range(TOTAL)], dtype=torch.float64).prod().item()
    for mine, start in zip(ours, net().parameters(), strict=True):
        torch.testing.assert_close(mine, start * factor, rtol=1e-4, atol=1e-6)


def test_decoupled_decay_is_proportional_to_the_learning_rate_of_each_group():
    recipe = Recipe(optimizer=partial(SGD, lr=1e-9), schedule=Polynomial(), decay=Decay(rate=1e8), lr_decay=0.5)
    ours = trained(recipe, steps=2)
    factors = [0.5, 0.5, 1.0, 1.0]
    for mine, start, factor in zip(ours, net().parameters(), factors, strict=True):
        torch.testing.assert_close(mine, start * (1 - 0.1 * factor) * (1 - 0.1 * factor * 11 / 12), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["decoupled", "coupled", "independent"])
def test_decay_to_matrices_does_not_decay_biases_and_norms(kind):
    decay = Decay(rate=0.3, kind=kind, to="matrices")
    decayed = trained(Recipe(optimizer=SGD, decay=decay), steps=1, norm="layer")
    for mine, plain in zip(decayed, by_hand(SGD, steps=1, norm="layer"), strict=True):
        assert torch.equal(mine, plain) == (mine.dim() < 2)


@pytest.mark.parametrize("kind", ["decoupled", "coupled", "independent"])
def test_decay_schedule_multiplies_the_rate(kind):
    """The result equals separate steps, each with the scheduled rate."""
    falling = trained(Recipe(optimizer=SGD, decay=Decay(rate=0.3, kind=kind), decay_schedule=Polynomial()))
    model, rates = net(), [0.3 * (1 - step / TOTAL) for step in range(TOTAL)]
    for step, rate in enumerate(rates):
        single = Recipe(optimizer=SGD, decay=Decay(rate=rate, kind=kind))
        once = Step(model, lambda batch: loss(model, int(batch[0])), torch.Tensor.backward, single.make(model), single, TOTAL)
        once([Part((torch.tensor(step),), 1.0)])
    for mine, other in zip(falling, model.parameters(), strict=True):
        torch.testing.assert_close(mine, other)
    assert not equal(falling, trained(Recipe(optimizer=SGD, decay=Decay(rate=0.3, kind=kind))))


def test_coupled_decay_is_added_before_clipping():
    def decayed_then_clipped(model):
        for p in model.parameters():
            p.grad.add_(p.detach(), alpha=2.0)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)

    def clipped_then_decayed(model):
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        for p in model.parameters():
            p.grad.add_(p.detach(), alpha=2.0)

    ours = trained(Recipe(optimizer=SGD, clip=Clip(norm=0.1), decay=Decay(rate=2.0, kind="coupled")))
    assert equal(ours, by_hand(SGD, decayed_then_clipped))
    assert not equal(ours, by_hand(SGD, clipped_then_decayed))


def test_clipping_does_not_affect_decoupled_decay():
    ours = trained(Recipe(optimizer=partial(SGD, lr=1.0), clip=Clip(norm=1e-6), decay=Decay(rate=0.5)), steps=1)
    for mine, start in zip(ours, net().parameters(), strict=True):
        torch.testing.assert_close(mine, 0.5 * start, rtol=0, atol=2e-6)


def test_weight_without_a_gradient_does_not_decay():
    model = nn.ParameterList([nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))])
    recipe = Recipe(optimizer=SGD, decay=Decay(rate=0.5))
    step = Step(model, lambda batch: model[0].sum(), torch.Tensor.backward, recipe.make(model), recipe, None)
    step([Part((torch.tensor(0),), 1.0)])
    assert model[1].tolist() == [1, 1]
    assert model[0].tolist() == pytest.approx([0.85, 0.85])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["decoupled", "coupled"])
def test_sharded_training_clips_and_decays_as_one_process_does(job, kind):
    words = ("problem=digits_mlp", "optimizer=adam", "clip.norm=0.5", "clip.value=0.1", "decay.rate=0.1", f"decay.kind={kind}")
    words += ("clip.adaptive=0.05", "project=[-0.1,0.1]")
    words += ("budget.epochs=null", "budget.steps=12", "log_every=1", "data.limit=300", "trainer.accelerator=cpu")
    one, two = job(*words, "sweep=one"), job(*words, "trainer=fsdp", "trainer.devices=2", "sweep=two")
    run_job(one)
    train_in_two_processes([two])
    losses = [read_curves(each.folder)["train/loss"].drop_nulls().to_list() for each in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert len(losses[1]) == 12


def sam(**settings):
    return partial(pytorch_optimizer.SAM, base_optimizer=torch.optim.SGD, lr=0.1, momentum=0.9, rho=0.5, **settings)


def test_coupled_decay_of_sam_uses_the_weights_before_its_first_pass():
    needs = Requirements(two_passes=True)
    ours = trained(Recipe(optimizer=sam(), needs=needs, decay=Decay(rate=0.3, kind="coupled")))
    own = trained(Recipe(optimizer=sam(weight_decay=0.3), needs=needs))
    for mine, other in zip(ours, own, strict=True):
        torch.testing.assert_close(mine, other)


def test_lbfgs_with_coupled_decay_minimizes_the_penalized_loss():
    """Ridge regression: the loss of its line search includes the penalty, whose gradient is the coupled decay."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 3, generator=generator).double(), torch.randn(20, 1, generator=generator).double()
    model = nn.Linear(3, 1, bias=False).double()
    make = partial(torch.optim.LBFGS, line_search_fn="strong_wolfe", tolerance_grad=1e-12, tolerance_change=1e-14)
    recipe = Recipe(optimizer=make, needs=Requirements(closure=True), decay=Decay(rate=2.0, kind="coupled"))
    step = Step(model, lambda batch: (model(x) - y).pow(2).mean(), torch.Tensor.backward, recipe.make(model), recipe, None)
    for _ in range(3):
        step([Part((x, y), 1.0)])
    found = torch.linalg.solve(2 * x.T @ x / 20 + 2.0 * torch.eye(3), 2 * x.T @ y / 20)
    torch.testing.assert_close(model.weight.detach(), found.T, rtol=1e-5, atol=1e-6)  # the loss has a precision of 1e-16


@pytest.mark.parametrize("kind", ["decoupled", "independent"])
def test_decay_works_with_optimizers_that_differentiate_the_gradient(kind):
    make = partial(pytorch_optimizer.AdaHessian, lr=1e-9)
    ours = trained(
        Recipe(optimizer=make, needs=Requirements(graph=True, random=True), decay=Decay(rate=0.1, kind=kind)), steps=1
    )
    for mine, start in zip(ours, net().parameters(), strict=True):
        torch.testing.assert_close(mine, start * (0.9 if kind == "independent" else 1.0), rtol=1e-6, atol=1e-7)


class Table(nn.Module):
    """An embedding; a batch may use some rows twice and others not at all."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rows = nn.Embedding(6, 3, sparse=sparse)

    def forward(self, which):
        return (self.rows(which) - 1).pow(2).sum(-1).mean()


CLIPS = [{"norm": 0.3}, {"value": 0.1}, {"adaptive": 0.02}]
BATCHES = [torch.tensor(rows) for rows in ([1, 2, 2], [0, 2, 5], [5, 5, 5])]


def table(sparse: bool, make, **recipe):
    model = Table(sparse)
    recipe = Recipe(optimizer=make, **recipe)
    step = Step(model, lambda batch: model(*batch), torch.Tensor.backward, recipe.make(model), recipe, None)
    norms = []
    for batch in BATCHES:
        step([Part((batch,), 1.0)], PROBES.needs(0))
        norms.append(list(probed(step).values()))
    return model.rows.weight.detach(), norms


@pytest.mark.parametrize("make", [partial(torch.optim.SparseAdam, lr=0.1), SGD], ids=["SparseAdam", "SGD"])
@pytest.mark.parametrize("clip", [Clip(), Clip(norm=0.3)], ids=["", "clipped"])
def test_steps_on_sparse_gradients_equal_a_plain_loop(make, clip):
    model = Table(sparse=True)
    optimizer = make(model.parameters())
    for batch in BATCHES:
        optimizer.zero_grad()
        model(batch).backward()
        if clip.norm:
            nn.utils.clip_grad_norm_(model.parameters(), clip.norm)
        optimizer.step()
    assert torch.equal(table(True, make, clip=clip)[0], model.rows.weight)


@pytest.mark.parametrize("more", [{}, *({"clip": Clip(**each)} for each in CLIPS), {"decay": Decay(rate=0.5)}], ids=str)
def test_sparse_gradient_gives_the_same_step_as_a_dense_one(more):
    """Norms, clipping and decay are the same, although a sparse gradient may contain a row twice."""
    sparse, norms = table(True, SGD, **more)
    dense, expected = table(False, SGD, **more)
    torch.testing.assert_close(sparse, dense)
    torch.testing.assert_close(norms, expected)


def test_coupled_decay_of_a_sparse_gradient_is_refused():
    with pytest.raises(UsageError, match=r"decay\.kind=decoupled"):
        table(True, SGD, decay=Decay(rate=0.1, kind="coupled"))
