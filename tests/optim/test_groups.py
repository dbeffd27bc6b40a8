"""Parameter groups: the optimizer and the hyperparameters of each parameter."""

from dataclasses import fields
from functools import partial

import pytest
import pytorch_optimizer
import torch
from conftest import compose_config
from hydra.utils import instantiate
from torch import nn

from descentlab.config import contradictions
from descentlab.config.requirements import Requirements
from descentlab.errors import UsageError
from descentlab.models.mlp import MLP
from descentlab.optim.gradients import Decay
from descentlab.optim.groups import GroupEntry, assign
from descentlab.optim.recipe import Recipe

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.5, weight_decay=0.2)
ADAM = partial(torch.optim.Adam, lr=1e-3)
BLOCKS = ["blocks.0.layers.0.weight", "blocks.0.layers.0.bias", "blocks.1.layers.0.weight", "blocks.1.layers.0.bias"]
HEAD = ["head.weight", "head.bias"]


def model(norm="none") -> MLP:
    return MLP(4, 2, [3, 3], norm=norm)


def test_config_check_knows_the_keys_of_an_entry():
    """config has its own list, since it does not import torch."""
    assert tuple(field.name for field in fields(GroupEntry)) == contradictions.RULE


def names(groups):
    return [list(group.parameters) for group in groups]


def made(net, optimizer=SGD, **recipe):
    """Return the groups of the recipe's optimizer, each with the names of its parameters."""
    recipe["groups"] = [GroupEntry(**entry) for entry in recipe.get("groups", ())]
    groups = Recipe(optimizer=optimizer, **recipe).make(net).param_groups
    known = {id(parameter): name for name, parameter in net.named_parameters()}
    return [{**group, "params": [known[id(p)] for p in group["params"]]} for group in groups]


def test_without_entries_one_group_has_all_parameters():
    assert names(assign(model(), [])) == [BLOCKS + HEAD]


def test_first_entry_that_matches_decides_the_group():
    groups = assign(
        model(), [GroupEntry(match="head", to="auxiliary"), GroupEntry(match="head|blocks.1", lr=2.0), GroupEntry()]
    )
    assert sorted(names(groups)) == sorted([HEAD, BLOCKS[2:], BLOCKS[:2]])
    assert {(group.to, group.lr, len(group.parameters)) for group in groups} == {
        ("auxiliary", 1.0, 2),
        ("optimizer", 2.0, 2),
        ("optimizer", 1.0, 2),
    }


def test_entry_matches_only_its_numbers_of_dimensions():
    matrices, rest = assign(model(), [GroupEntry(dims=[2]), GroupEntry(to="auxiliary")])
    assert all(parameter.dim() == 2 for parameter in matrices.parameters.values())
    assert all(parameter.dim() == 1 for parameter in rest.parameters.values())
    assert len(matrices.parameters) == len(rest.parameters) == 3


def test_frozen_parameters_are_in_no_group():
    net = model()
    net.head.requires_grad_(False)
    assert names(assign(net, [GroupEntry(match="blocks")])) == [BLOCKS]


def test_shared_parameter_is_in_one_group():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    assert names(assign(net, [], lr_decay=0.5)) == [["0.weight"]]


def test_parameter_without_a_matching_entry_is_named():
    with pytest.raises(UsageError, match=r"no entry takes blocks.0.layers.0.bias \(1 dimensions\)"):
        assign(model(), [GroupEntry(dims=[2])])


def test_entry_scales_the_learning_rate_and_overrides_hyperparameters():
    head, rest = sorted(
        made(model(), groups=[{"match": "head", "lr": 3.0, "set": {"momentum": 0.0}}, {}]),
        key=lambda group: len(group["params"]),
    )
    assert (head["params"], head["lr"], head["momentum"], head["weight_decay"]) == (HEAD, pytest.approx(0.3), 0.0, 0.2)
    assert (rest["lr"], rest["momentum"]) == (0.1, 0.5)


def test_overridden_learning_rate_is_scaled():
    (group,) = made(model(), groups=[{"lr": 0.5, "set": {"lr": 0.8}}])
    assert group["lr"] == pytest.approx(0.4)


def test_lr_decay_reduces_the_learning_rate_towards_the_first_layer():
    rates = {name: group["lr"] for group in made(model(), lr_decay=0.5) for name in group["params"]}
    assert rates == pytest.approx(
        {**dict.fromkeys(BLOCKS[:2], 0.025), **dict.fromkeys(BLOCKS[2:], 0.05), **dict.fromkeys(HEAD, 0.1)}
    )


def test_lr_decay_counts_the_layers_of_all_optimizers():
    groups = made(model(), auxiliary=ADAM, lr_decay=0.5, groups=[{"match": "head", "to": "auxiliary"}, {}])
    assert {tuple(group["params"]): group["lr"] for group in groups} == pytest.approx(
        {tuple(BLOCKS[:2]): 0.025, tuple(BLOCKS[2:]): 0.05, tuple(HEAD): 1e-3}
    )


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_decay_to_matrices_excludes_biases_and_norms(norm):
    net = model(norm)
    groups = made(net, decay=Decay(to="matrices"))
    rates = {name: group["weight_decay"] for group in groups for name in group["params"]}
    assert rates == {name: 0.2 if parameter.dim() == 2 else 0.0 for name, parameter in net.named_parameters()}


def test_decay_to_matrices_applies_to_the_default_weight_decay_of_a_class():
    groups = made(model(), partial(torch.optim.AdamW, lr=1e-3), decay=Decay(to="matrices"))
    assert sorted(group["weight_decay"] for group in groups) == [0.0, 0.01]


def test_decay_to_matrices_without_weight_decay_creates_no_groups():
    (group,) = made(model(), partial(torch.optim.LBFGS, lr=1.0), decay=Decay(to="matrices"))
    assert sorted(group["params"]) == sorted(BLOCKS + HEAD)
    assert "weight_decay" not in group


@pytest.mark.parametrize("key", ["momentums", "betas", "weight_decay"])
def test_unknown_hyperparameter_of_a_group_is_refused(key):
    optimizer = partial(torch.optim.Rprop, lr=0.1)
    with pytest.raises(UsageError, match=f"groups: {key} cannot differ .* it has lr"):
        made(model(), optimizer, groups=[{"match": "head", "set": {key: 0.5}}, {}])


def test_hyperparameter_that_is_not_per_group_is_refused():
    """CAME reads it from an attribute and would ignore it in a group."""
    optimizer = partial(pytorch_optimizer.CAME, lr=1e-3, clip_threshold=1.0)
    with pytest.raises(UsageError, match="clip_threshold cannot differ between groups"):
        made(model(), optimizer, groups=[{"set": {"clip_threshold": 2.0}}])


def test_hyperparameter_of_groups_only_must_be_declared():
    with pytest.raises(UsageError, match="rank cannot differ"):
        made(model(), groups=[{"set": {"rank": 2}}])
    (group,) = made(model(), groups=[{"set": {"rank": 2}}], needs=Requirements(in_groups=["rank"]))
    assert group["rank"] == 2


@pytest.mark.parametrize("entries", [[{"match": "hed", "lr": 0.1}, {}], [{}, {"match": "head", "set": {"momentum": 0.1}}]])
def test_entry_with_settings_that_matches_nothing_is_refused(entries):
    """A typing error in a name would otherwise have no effect."""
    with pytest.raises(UsageError, match=r"no parameter is left for match=he.*head\.bias"):
        made(model(), groups=entries)


def test_entry_without_settings_may_match_nothing():
    """Muon's entry for embeddings, in a model that has none."""
    assert len(made(model(), auxiliary=ADAM, groups=[{"match": "embed", "to": "auxiliary"}, {}])) == 1


def test_optimizer_without_parameters_is_refused():
    with pytest.raises(UsageError, match="the optimizer trains no parameter"):
        made(model(), auxiliary=ADAM, groups=[{"to": "auxiliary"}])


def test_missing_auxiliary_optimizer_is_refused():
    with pytest.raises(UsageError, match="set auxiliary"):
        made(model(), groups=[{"match": "head", "to": "auxiliary"}, {}])


def test_scaling_a_missing_learning_rate_is_refused():
    with pytest.raises(UsageError, match="no learning rate to scale"):
        made(model(), partial(pytorch_optimizer.AliG, max_lr=0.1), lr_decay=0.5)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [(partial(torch.optim.LBFGS, lr=1.0), "parameter groups"), (partial(torch.optim.Muon, lr=0.1), "only supports 2D")],
)
def test_exception_of_an_optimizer_becomes_a_usage_error(optimizer, message):
    with pytest.raises(UsageError, match=f"optimizer, groups: .*{message}"):
        made(model(), optimizer, lr_decay=0.5)


def test_building_an_optimizer_does_not_change_the_config():
    words = ("optimizer=muon", "lr_decay=0.5", "decay.to=matrices")
    config, untouched = compose_config(*words)[0], compose_config(*words)[0]
    recipe = Recipe.of(config, partial(instantiate, _convert_="all"))
    recipe.make(model())
    assert config == untouched
    assert [group["lr"] for group in recipe.make(model()).param_groups] == [
        group["lr"] for group in recipe.make(model()).param_groups
    ]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("[{match: head, mach: x}]", "did you mean match?"),
        ("[{to: aux}]", "one of optimizer, auxiliary"),
        ("[{match: '(' }]", "no regular expression"),
        ("[{dims: 2}]", "groups[0].dims=2 is not allowed"),
        ("[{},{lr: fast}]", "groups[1].lr=fast is not allowed: it is a number"),
        ("[{set: 3}]", "groups[0].set=3 is not allowed"),
        ("[head]", "it is a list of entries"),
    ],
)
def test_invalid_groups_are_refused_before_a_run_starts(groups, message):
    _, _, mistakes = compose_config(f"groups={groups}")
    assert message in "\n".join(mistakes)


def test_factors_that_layers_declare_multiply_the_learning_rates():
    net = MLP(4, 2, [8, 8], parametrization="mup", base_width=4)
    found = made(net, SGD, lr_decay=0.5)
    rates = {name: group["lr"] for group in found for name in group["params"]}
    factors = {"blocks.0": (1, 1), "blocks.1": (1 / 2, 1), "head": (1 / 2, 1)}
    for place, (layer, (weight, bias)) in enumerate(factors.items()):
        own = {name.rpartition(".")[2]: rate for name, rate in rates.items() if name.startswith(layer)}
        assert own == {"weight": 0.1 * weight * 0.5 ** (2 - place), "bias": 0.1 * bias * 0.5 ** (2 - place)}
    assert len(made(MLP(4, 2, [8, 8], parametrization="mup", base_width=8))) == 1


def test_an_optimizer_of_the_whole_model_refuses_factors_of_layers():
    recipe = Recipe(optimizer=lambda model: SGD(model.parameters()), needs=Requirements(model=True))
    recipe.make(model())
    with pytest.raises(UsageError, match=r"model\.parametrization"):
        recipe.make(MLP(4, 2, [8, 8], parametrization="mup", base_width=4))
