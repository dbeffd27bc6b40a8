"""The steps of a run equal a plain loop over the same batches, bit for bit."""

from functools import partial

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from support.probing import PROBES, probed
from torch import nn
from torch.nn.functional import cross_entropy

from descentlab.budget import Plan
from descentlab.data.digits import Digits
from descentlab.data.loading.loader import Part, TrainLoader
from descentlab.errors import UsageError
from descentlab.models.mlp import MLP
from descentlab.optim.lightning_hooks import hooks_are_noops
from descentlab.optim.recipe import Recipe
from descentlab.optim.schedules import Constant, Cosine
from descentlab.optim.step import Step

OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.01, fused=True),
    "momentum": partial(torch.optim.SGD, lr=0.01, momentum=0.9, fused=True),
    "nesterov": partial(torch.optim.SGD, lr=0.01, momentum=0.9, nesterov=True, fused=True),
    "rmsprop": partial(torch.optim.RMSprop, lr=1e-3),
    "adagrad": partial(torch.optim.Adagrad, lr=0.01, fused=True),
    "adam": partial(torch.optim.Adam, lr=1e-3, fused=True),
    "adamw": partial(torch.optim.AdamW, lr=1e-3, fused=True),
}
STEPS = 45  # an epoch has 39
RUN = ("problem=digits_mlp", "budget.epochs=null", f"budget.steps={STEPS}", "log_every=1")


@pytest.fixture(scope="module")
def digits():
    return Digits(test_fraction=0.2, valid_fraction=0.15, num_features=64).splits.train


def batches(tensors, size=32, steps=STEPS):
    budget = {"epochs": None, "steps": steps, "examples": None, "seconds": None}
    loader = TrainLoader(tensors, Plan.of(len(tensors[0]), size, budget), seed=0)
    return [loader.parts(step)[0].batch for step in range(steps)]


def plain_loop(make_optimizer, batches, multipliers=None):
    """Return the losses and gradient norms of a hand-written loop over `batches`."""
    L.seed_everything(0, verbose=False)
    model = MLP(64, 10, [64, 32])
    optimizer = make_optimizer(model.parameters())
    lr = optimizer.param_groups[0]["lr"]
    losses, norms = [], []
    for step, (inputs, classes) in enumerate(batches):
        if multipliers:
            optimizer.param_groups[0]["lr"] = lr * multipliers[step]
        loss = cross_entropy(model(inputs), classes)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.cat([p.grad.flatten() for p in model.parameters()]).norm()))
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_run_equals_a_plain_loop_bit_for_bit(train, digits, name):
    losses, norms = plain_loop(OPTIMIZERS[name], batches(digits))
    run = train(*RUN, f"optimizer={name}")
    assert run.column("train/loss") == losses
    assert run.column("train/grad_norm") == pytest.approx(norms, rel=1e-5)
    assert len(set(losses)) == STEPS


def test_schedule_sets_the_learning_rate_of_each_step(train, digits):
    multipliers = [Cosine(warmup=5)(step, STEPS) for step in range(STEPS)]
    losses, _ = plain_loop(OPTIMIZERS["momentum"], batches(digits), multipliers)
    run = train(*RUN, "optimizer=momentum", "schedule=cosine", "schedule.warmup=5")
    assert run.column("train/loss") == losses
    assert run.column("train/lr") == [0.01 * multiplier for multiplier in multipliers]


def test_full_batch_run_equals_a_plain_loop_over_the_whole_split(train, digits):
    losses, _ = plain_loop(OPTIMIZERS["sgd"], [digits] * 8)
    run = train(*RUN, "optimizer=sgd", "batch_size=full", "budget.steps=8")
    assert run.column("train/loss") == losses
    assert run.record.summary["examples"] == 8 * 1222


@pytest.mark.parametrize(
    ("size", "microbatch", "steps"), [("32", 5, 45), ("32", 1, 10), ("full", 100, 5)], ids=["uneven", "one by one", "full"]
)
def test_microbatches_do_not_change_a_step(train, size, microbatch, steps):
    given = (*RUN, "optimizer=momentum", f"batch_size={size}", f"budget.steps={steps}")
    whole, cut = train(*given), train(*given, f"microbatch={microbatch}", "sweep=cut")
    for column in ("train/loss", "train/grad_norm", "valid/loss"):
        assert cut.column(column) == pytest.approx(whole.column(column), rel=1e-5, abs=1e-6)


def test_batch_normalization_of_a_single_example_is_refused(train):
    with pytest.raises(UsageError, match="batch normalisation would get a single example"):  # 1222 = 33 * 37 + 1
        train(*RUN, "model.norm=batch", "batch_size=33")
    assert (
        train(*RUN, "model.norm=batch", "batch_size=33", "data.drop_last=true", "budget.steps=2").record.status == "completed"
    )


@pytest.mark.slow
def test_compiled_model_takes_the_same_steps_and_compile_time_is_not_counted(train):
    given = (*RUN, "model.norm=batch", "data.drop_last=true", "budget.steps=20", "trainer.precision=64-true")
    plain, compiled = train(*given), train(*given, "compile=true", "sweep=compiled")
    assert compiled.column("train/loss") == pytest.approx(plain.column("train/loss"), rel=1e-8)
    assert compiled.column("valid/loss") == pytest.approx(plain.column("valid/loss"), rel=1e-8)
    seconds = compiled.record.timings["fit"]
    assert compiled.record.summary["train_seconds"] < seconds / 2  # most of the time was spent on compiling


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_every_precision_trains(train, precision):
    run = train(*RUN, "budget.steps=5", f"trainer.precision={precision}")
    assert run.column("train/loss")[-1] < run.column("train/loss")[0]


def step(optimizer=partial(torch.optim.SGD, lr=0.1), schedule=Constant(), total=None):  # noqa: B008
    """Return a Step of 0.5 |w - x|^2 from w = 0, and w."""
    model = nn.Module()
    model.w = w = nn.Parameter(torch.zeros(2))
    recipe = Recipe(optimizer=optimizer, schedule=schedule)
    return Step(
        model,
        lambda batch: 0.5 * ((w - batch[0]) ** 2).sum(-1).mean(),
        lambda loss: loss.backward(),
        recipe.make(model),
        recipe,
        total,
    ), w


def part(*rows, weight=1.0):
    return Part((torch.tensor(rows),), weight)


def test_step_is_counted_and_returns_the_loss_before_its_update():
    made, w = step()
    assert float(made([part([3.0, 4.0])], PROBES.needs(0))) == pytest.approx(12.5)
    assert w.tolist() == pytest.approx([0.3, 0.4])
    assert (made.count, made.values.lrs) == (1, {"lr": 0.1})
    assert probed(made)["grad_norm"] == pytest.approx(5.0)
    assert probed(made)["update_norm"] == pytest.approx(0.5)


def test_parts_are_summed_by_weight():
    made, w = step()
    loss = made([part([4.0, 0.0], weight=0.25), part([0.0, 8.0], weight=0.75)])
    assert float(loss) == pytest.approx(0.25 * 8 + 0.75 * 32)
    assert w.tolist() == pytest.approx([0.1, 0.6])


def test_gradients_are_cleared_between_steps():
    made, w = step()
    for _ in range(3):
        made([part([1.0, 0.0])])
    assert w.tolist() == pytest.approx([1 - 0.9**3, 0.0])


def test_parameter_groups_keep_their_own_rates_under_a_schedule():
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.4}])
    recipe = Recipe(optimizer=torch.optim.SGD, schedule=Constant(warmup=1))
    made = Step(nn.Module(), lambda _: (first + second).sum(), lambda loss: loss.backward(), optimizer, recipe, None)
    for _ in range(2):
        made([part([0.0])])
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.4]
    assert (first.item(), second.item()) == (pytest.approx(-0.15), pytest.approx(-0.6))


@pytest.mark.parametrize("foreach", [None, False, True])  # None: the fused kernel where torch has one
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradient_norm_is_that_of_the_gradient_not_of_the_update(name, foreach):
    settings = {key: value for key, value in OPTIMIZERS[name].keywords.items() if foreach is None or key != "fused"}
    made, w = step(partial(OPTIMIZERS[name].func, **settings, foreach=foreach))
    for _ in range(3):
        expected = float((w.detach() - torch.tensor([3.0, 4.0])).norm())
        made([part([3.0, 4.0])], PROBES.needs(0))
        assert probed(made)["grad_norm"] == pytest.approx(expected, rel=1e-5)


def test_lightnings_own_step_gives_the_same_curve(train, monkeypatch):
    short = train(*RUN, "optimizer=adam")
    monkeypatch.setattr("descentlab.tasks.base.hooks_are_noops", lambda trainer: False)
    long = train(*RUN, "optimizer=adam", "sweep=long")
    assert short.column("train/loss") == long.column("train/loss")


def test_lightnings_own_step_is_used_if_a_hook_or_scaler_needs_it():
    class Listener(L.Callback):
        def on_before_optimizer_step(self, *_):
            pass

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    assert hooks_are_noops(L.Trainer(accelerator="cpu", **quiet))
    assert hooks_are_noops(L.Trainer(accelerator="cpu", precision="bf16-mixed", **quiet))
    assert not hooks_are_noops(L.Trainer(accelerator="cpu", callbacks=[Listener()], **quiet))
    scaled = L.Trainer(accelerator="cpu", plugins=MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu")), **quiet)
    assert not hooks_are_noops(scaled)
