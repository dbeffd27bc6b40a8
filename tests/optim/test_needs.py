"""Requirements of an optimizer are inferred or declared; conflicting settings are refused before a run starts."""

from functools import partial

import pytest
import pytorch_optimizer
import torch
from conftest import compose_config, every_optimizer
from hydra.utils import instantiate
from support.probing import PROBES, probed
from torch import nn

from descentlab.config.requirements import Requirements
from descentlab.data.loading.loader import Part
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.launchers.checks.signatures import Call, check
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step


class Plain(torch.optim.SGD):
    """A user's optimizer whose methods imply no needs."""


class TwoPasses(torch.optim.SGD):
    """A user's optimizer with two passes."""

    def first_step(self): ...

    def second_step(self): ...


@pytest.mark.parametrize(
    ("optimizer", "closure", "two_passes"),
    [
        (torch.optim.SGD, False, False),
        (torch.optim.LBFGS, True, False),
        (pytorch_optimizer.SAM, False, True),
        (TwoPasses, False, True),
        (Plain, False, False),
        (None, False, False),  # a recipe that was built in Python from a function
    ],
)
def test_needs_are_inferred_from_methods(optimizer, closure, two_passes):
    needs = Requirements.of(optimizer, {})
    assert (needs.closure, needs.two_passes) == (closure, two_passes)


def test_declared_needs_are_added_to_inferred_ones():
    needs = Requirements.of(pytorch_optimizer.SAM, {"random": True, "whole": True})
    assert (needs.random, needs.whole, needs.two_passes, needs.closure) == (True, True, True, False)


def test_needs_of_the_config_are_in_the_recipe():
    recipe = Recipe.of(compose_config("optimizer=adahessian")[0], partial(instantiate, _convert_="all"))
    assert recipe.needs == Requirements(graph=True, random=True, in_groups=[])


def messages(*words):
    """Return the mistakes or conflicts of a command as one text."""
    config, _, mistakes = compose_config(*words)
    return "\n".join(mistakes or conflicts(config))


@pytest.mark.parametrize("name", every_optimizer())
def test_every_optimizer_is_valid_with_the_default_config(name):
    assert messages(f"optimizer={name}") == ""


TWO = ("trainer=ddp", "trainer.accelerator=cpu")
HALF = "trainer.precision=16-mixed"
ADAMW = "auxiliary={_target_: torch.optim.AdamW, _partial_: true, lr: 0.001}"
HEAD = "groups=[{match: head, to: auxiliary}, {}]"
UNKNOWN_END = ("budget.epochs=null", "budget.seconds=5")
CONFLICTS = [
    (("optimizer=adahessian", *TWO), "AdaHessian differentiates the gradient, which data-parallel processes cannot"),
    (("optimizer=sophia", "clip.norm=1"), "SophiaH differentiates the gradient, which clip"),
    (("optimizer=sophia", "decay.rate=0.1", "decay.kind=coupled"), "SophiaH differentiates the gradient, which clip and decay"),
    (("optimizer=adahessian", "compile=true"), "AdaHessian differentiates the gradient, which compiled models cannot"),
    (("optimizer=lbfgs", "clip.value=1"), "LBFGS uses losses and gradients together"),
    (("optimizer=lbfgs", HALF), "LBFGS evaluates several gradients per step"),
    (("optimizer=sam", HALF), "SAM evaluates several gradients per step"),
    (("optimizer=adahessian", HALF), "AdaHessian evaluates several gradients per step"),
    (("optimizer=soap", "trainer=fsdp"), "SOAP needs whole weights"),
    (("optimizer=muon", "trainer=fsdp"), "Muon needs whole weights"),
    (("optimizer=sam", HEAD, ADAMW), "so it must have all parameters: leave auxiliary out"),
    (("optimizer=lbfgs", HEAD, ADAMW), "so it must have all parameters: leave auxiliary out"),
    (("optimizer=adam_mini", "lr_decay=0.5"), "AdamMini makes its own parameter groups"),
    (("optimizer=adam_mini", "decay.to=matrices"), "AdamMini makes its own parameter groups"),
    (("optimizer=adam_mini", "groups=[{lr: 0.5}]"), "AdamMini makes its own parameter groups"),
    (("optimizer=ranger21", *UNKNOWN_END), "Ranger21 needs the run's number of steps"),
    (("optimizer=adam", "engine=explicit"), "engine=explicit requires an update rule; torch.optim.Adam is not one"),
    (("optimizer=alig", "schedule=cosine"), "AliG has no learning rate to multiply"),
    (("optimizer=alig", "schedule.warmup=10"), "AliG has no learning rate to multiply"),
    (("optimizer=alig", "decay.rate=0.1"), "decay.kind=independent"),
    (("optimizer=adagrad", "schedule@momentum_schedule=linear"), "Adagrad has no momentum to multiply"),
    (("optimizer=rprop", "schedule@decay_schedule=linear"), "Rprop has no weight decay to multiply: set decay.rate"),
    (("optimizer=rprop", "schedule=cosine"), "Rprop reads its learning rate once"),
    (("optimizer=rprop", "schedule.warmup=10"), "Rprop reads its learning rate once"),
    (
        ("optimizer=mars", "optimizer.weight_decay_1d=0.1", "decay.rate=0.1"),
        "two weight decays: set optimizer.weight_decay_1d=0",
    ),
    (("optimizer=lbfgs", "orthogonal_gradient=weights"), "LBFGS needs the exact gradients of its losses, which orthogonal"),
    (("optimizer=adam", "orthogonal_gradient=weights", "trainer=fsdp"), "orthogonal_gradient needs whole gradients"),
    (("optimizer=adam", "orthogonal_gradient=bias"), "orthogonal_gradient is one of null, weights, random"),
    (("optimizer=adam", "project=[1,-1]"), "project=[1, -1] is no interval"),
    (("optimizer=adam", "project=[1]"), "project=[1] is not allowed: project is a list of 2 values, each a number"),
    (("optimizer=schedulefree_sgd", "project=[-1,1]"), "project would clamp only a part"),
    (("optimizer=scratch/adam", "engine=explicit", "project=[-1,1]"), "engine=explicit is the bare loop: it has no project"),
    (("optimizer=scratch/adam", "optimizer.bias_correction=third"), "optimizer.bias_correction is one of true, false, first"),
    (("optimizer=adam", HEAD), "there is none: 'auxiliary={_target_:"),
    (("optimizer=adam", ADAMW), "auxiliary: no parameter would go to it"),
    (("optimizer=schedulefree_sgd", "schedule=one_cycle"), "SGDScheduleFree takes its average with one momentum throughout"),
    (("optimizer=scratch/schedule_free_sgd", "schedule@momentum_schedule=linear"), "with one momentum throughout"),
    (("optimizer=schedulefree_adamw", "average.kind=ema"), "AdamWScheduleFree evaluates its own average of the weights"),
    (("optimizer=schedulefree_adamw", "decay.rate=0.1"), "decay.rate would shrink only a part"),
    (("optimizer=adamw", "decay.rate=0.1"), "two weight decays: set optimizer.weight_decay=0 with decay.rate"),
    (("optimizer=muon", "optimizer.weight_decay=0", "decay.rate=0.1"), "two weight decays: set auxiliary.weight_decay=0"),
    (("average.kind=swa", "average.start=0.5", *UNKNOWN_END), "average.start=0.5 is a fraction of all steps"),
    (("schedule@momentum_schedule=linear", "momentum_schedule.final=2"), "momentum_schedule.final=2 is not allowed"),
    (("schedule@momentum_schedule=reduce_on_plateau",), "reduce_on_plateau is for the learning rate"),
    (("clip=0.1",), "clip=0.1 is not allowed: it has parts; write for example clip.norm=1.0"),
    (("average=swa",), "average=swa is not allowed"),
    (("auxiliary=adamw",), "auxiliary=adamw is not allowed"),
    (("momentum_schedule=linear",), "schedule@momentum_schedule=linear"),
]


@pytest.mark.parametrize(("words", "message"), CONFLICTS, ids=[" ".join(words) for words, _ in CONFLICTS])
def test_conflicting_settings_are_refused(words, message):
    assert message in messages(*words)


FINE = [
    ("optimizer=adahessian", "decay.rate=0.1"),
    ("optimizer=sam", "clip.norm=1", *TWO),
    ("optimizer=lbfgs", "decay.rate=0.1", "decay.kind=coupled", *TWO),
    ("optimizer=soap", *TWO),
    ("optimizer=adamw", "trainer=fsdp", "lr_decay=0.5", "clip.norm=1"),
    ("optimizer=ranger21", "budget.epochs=null", "budget.steps=100"),
    ("optimizer=scratch/adam", "engine=explicit", "schedule=one_cycle"),
    ("optimizer=muon", "schedule=one_cycle", "schedule@momentum_schedule=linear", "schedule@decay_schedule=linear"),
    ("optimizer=adam", "decay.rate=0.1", "schedule@decay_schedule=linear", "average.kind=swa"),
    ("optimizer=schedulefree_sgd", "schedule.warmup=10", "decay.rate=0.1", "decay.kind=coupled"),
    ("optimizer=alig", "decay.rate=0.1", "decay.kind=independent"),
    (
        "optimizer=sgd",
        "schedule@momentum_schedule=linear",
        "schedule@decay_schedule=linear",
    ),  # both 0
]


@pytest.mark.parametrize("words", FINE, ids=" ".join)
def test_compatible_settings_are_accepted(words):
    assert messages(*words) == ""


def checked(*words):
    config, _, mistakes = compose_config(*words)
    assert not mistakes, mistakes
    return "\n".join(check(Call.of("optimizer", config["optimizer"])))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("optimizer=lion", "+optimizer.weight_decouple_=true"),
            "Lion takes no weight_decouple_; did you mean weight_decouple?",
        ),
        (("optimizer=prodigy", "+optimizer.d_coeff=2"), "Prodigy takes no d_coeff; did you mean d_coef?"),
        (("optimizer=sam", "+optimizer.momentumm=0.5"), "SAM takes no momentumm; did you mean momentum?"),
        (("optimizer=adam", "+optimizer.momentum=0.5"), "Adam takes no momentum"),
        (
            ("optimizer=custom", "optimizer._target_=torch.optim.SDG"),
            "importable from module 'torch.optim'?; did you mean SGD?",
        ),
        (("optimizer=custom", "optimizer._target_=heavyball.ForeachSOAP"), "pip install heavyball"),
        (("optimizer=custom", "optimizer._target_=mine.Own"), "put the folder that holds it on PYTHONPATH"),
    ],
)
def test_unknown_argument_is_refused_with_a_suggestion(words, message):
    assert message in checked(*words)


@pytest.mark.parametrize("base", ["torch.optim.SGD", "torch.optim.AdamW"])
def test_arguments_of_a_base_optimizer_are_accepted(base):
    words = ("optimizer=custom", "optimizer._target_=pytorch_optimizer.SAM")
    words += (f"+optimizer.base_optimizer={{_target_: hydra.utils.get_class, path: {base}}}", "+optimizer.weight_decay=0.1")
    assert checked(*words) == ""
    momentum = checked(*words, "+optimizer.momentum=0.9")
    assert momentum == "" if base.endswith("SGD") else "takes no momentum" in momentum


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("optimizer=custom", "optimizer._target_=torch.optim.Adam", "+optimizer.betas=[2,3]"),
            "optimizer.betas=[2, 3] is not",
        ),
        (("optimizer=tiger", "optimizer.beta=3"), "optimizer: Tiger: "),
        (("optimizer=rprop", "optimizer.etas=[2,3]"), "optimizer: Rprop: Invalid eta values: 2, 3"),
        (("optimizer=momentum", "optimizer.momentum=0", "optimizer.nesterov=true"), "SGD: Nesterov momentum requires"),
        (("optimizer=muon", "auxiliary.betas=[2,3]"), "auxiliary: AdamW: Invalid beta parameter"),
    ],
)
def test_bad_value_is_refused_with_the_message_of_its_class(words, message):
    text = messages(*words)
    assert message in text
    assert "Traceback" not in text


def test_preflight_does_not_change_the_config():
    config, untouched = compose_config("optimizer=muon")[0], compose_config("optimizer=muon")[0]
    conflicts(config)
    assert config == untouched


@pytest.mark.parametrize(
    ("make", "needs", "evaluations"),
    [
        (partial(torch.optim.SGD, lr=0.1), Requirements(), 1),
        (partial(pytorch_optimizer.SAM, base_optimizer=torch.optim.SGD, lr=0.1), Requirements(two_passes=True), 2),
        (partial(torch.optim.LBFGS, max_iter=3, max_eval=3), Requirements(closure=True), 3),
    ],
    ids=["SGD", "SAM", "LBFGS"],
)
def test_microbatches_of_a_step_count_as_one_gradient_evaluation(make, needs, evaluations):
    model = nn.Linear(2, 1)
    recipe = Recipe(optimizer=make, needs=needs)
    loss = lambda batch: (model(batch[0]) - 1).pow(4).mean()  # noqa: E731
    step = Step(model, loss, torch.Tensor.backward, recipe.make(model), recipe, None)
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    other = nn.Linear(2, 1)
    other.load_state_dict(model.state_dict())
    (other(x) - 1).pow(4).mean().backward()
    given = step([Part((rows,), 1 / 3) for rows in x.split(2)], PROBES.needs(0))
    assert step.evaluations == evaluations
    assert step.count == 1
    norm = torch.cat([p.grad.flatten() for p in other.parameters()]).norm()
    assert probed(step)["grad_norm"] == pytest.approx(float(norm), rel=1e-5)
    assert float(given) == pytest.approx((other(x) - 1).pow(4).mean().item(), rel=1e-5)
