"""Which optimizer trains which parameters, with which settings."""

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
from descentlab.optim.groups import Rule, assign
from descentlab.optim.recipe import Recipe

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.5, weight_decay=0.2)
ADAM = partial(torch.optim.Adam, lr=1e-3)
BLOCKS = ["blocks.0.layers.0.weight", "blocks.0.layers.0.bias", "blocks.1.layers.0.weight", "blocks.1.layers.0.bias"]
HEAD = ["head.weight", "head.bias"]


def model(norm="none") -> MLP:
    return MLP(4, 2, [3, 3], norm=norm)


def test_an_entry_is_checked_for_the_keys_that_it_has():
    """config knows them without torch."""
    assert tuple(field.name for field in fields(Rule)) == contradictions.RULE


def names(groups):
    return [list(group.parameters) for group in groups]


def made(net, optimizer=SGD, **recipe):
    """The groups of the optimizer that the recipe makes, each with the names of its parameters."""
    recipe["groups"] = [Rule(**rule) for rule in recipe.get("groups", ())]
    groups = Recipe(optimizer=optimizer, **recipe).make(net).param_groups
    known = {id(parameter): name for name, parameter in net.named_parameters()}
    return [{**group, "params": [known[id(p)] for p in group["params"]]} for group in groups]


def test_without_rules_one_group_has_all():
    assert names(assign(model(), [])) == [BLOCKS + HEAD]


def test_the_first_rule_that_matches_takes_a_parameter():
    groups = assign(model(), [Rule(match="head", to="auxiliary"), Rule(match="head|blocks.1", lr=2.0), Rule()])
    assert sorted(names(groups)) == sorted([HEAD, BLOCKS[2:], BLOCKS[:2]])
    assert {(group.to, group.lr, len(group.parameters)) for group in groups} == {
        ("auxiliary", 1.0, 2),
        ("optimizer", 2.0, 2),
        ("optimizer", 1.0, 2),
    }


def test_a_rule_takes_only_the_dimensions_it_names():
    matrices, rest = assign(model(), [Rule(dims=[2]), Rule(to="auxiliary")])
    assert all(parameter.dim() == 2 for parameter in matrices.parameters.values())
    assert all(parameter.dim() == 1 for parameter in rest.parameters.values())
    assert len(matrices.parameters) == len(rest.parameters) == 3


def test_what_is_frozen_belongs_to_no_group():
    net = model()
    net.head.requires_grad_(False)
    assert names(assign(net, [Rule(match="blocks")])) == [BLOCKS]


def test_a_parameter_that_two_modules_share_is_trained_once():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    assert names(assign(net, [], lr_decay=0.5)) == [["0.weight"]]


def test_a_parameter_that_no_rule_takes_is_named():
    with pytest.raises(UsageError, match=r"no entry takes blocks.0.layers.0.bias \(1 dimensions\)"):
        assign(model(), [Rule(dims=[2])])


def test_a_rule_scales_the_learning_rate_and_sets_what_differs():
    head, rest = sorted(
        made(model(), groups=[{"match": "head", "lr": 3.0, "set": {"momentum": 0.0}}, {}]),
        key=lambda group: len(group["params"]),
    )
    assert (head["params"], head["lr"], head["momentum"], head["weight_decay"]) == (HEAD, pytest.approx(0.3), 0.0, 0.2)
    assert (rest["lr"], rest["momentum"]) == (0.1, 0.5)


def test_a_learning_rate_that_a_rule_sets_is_scaled_too():
    (group,) = made(model(), groups=[{"lr": 0.5, "set": {"lr": 0.8}}])
    assert group["lr"] == pytest.approx(0.4)


def test_the_learning_rate_falls_from_layer_to_layer_towards_the_first():
    rates = {name: group["lr"] for group in made(model(), lr_decay=0.5) for name in group["params"]}
    assert rates == pytest.approx(
        {**dict.fromkeys(BLOCKS[:2], 0.025), **dict.fromkeys(BLOCKS[2:], 0.05), **dict.fromkeys(HEAD, 0.1)}
    )


def test_layers_are_counted_over_all_optimizers():
    groups = made(model(), auxiliary=ADAM, lr_decay=0.5, groups=[{"match": "head", "to": "auxiliary"}, {}])
    assert {tuple(group["params"]): group["lr"] for group in groups} == pytest.approx(
        {tuple(BLOCKS[:2]): 0.025, tuple(BLOCKS[2:]): 0.05, tuple(HEAD): 1e-3}
    )


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_decay_to_matrices_leaves_biases_and_norms_alone(norm):
    net = model(norm)
    groups = made(net, decay=Decay(to="matrices"))
    rates = {name: group["weight_decay"] for group in groups for name in group["params"]}
    assert rates == {name: 0.2 if parameter.dim() == 2 else 0.0 for name, parameter in net.named_parameters()}


def test_decay_to_matrices_holds_where_the_weight_decay_is_the_classs_own_default():
    groups = made(model(), partial(torch.optim.AdamW, lr=1e-3), decay=Decay(to="matrices"))
    assert sorted(group["weight_decay"] for group in groups) == [0.0, 0.01]


def test_decay_to_matrices_makes_no_groups_where_there_is_no_weight_decay():
    (group,) = made(model(), partial(torch.optim.LBFGS, lr=1.0), decay=Decay(to="matrices"))
    assert sorted(group["params"]) == sorted(BLOCKS + HEAD)
    assert "weight_decay" not in group


@pytest.mark.parametrize("key", ["momentums", "betas", "weight_decay"])
def test_what_the_optimizer_does_not_take_is_refused(key):
    optimizer = partial(torch.optim.Rprop, lr=0.1)
    with pytest.raises(UsageError, match=f"groups: {key} cannot differ .* it has lr"):
        made(model(), optimizer, groups=[{"match": "head", "set": {key: 0.5}}, {}])


def test_what_the_optimizer_takes_but_not_by_group_is_refused():
    """CAME keeps it in itself; in a group nobody would look at it."""
    optimizer = partial(pytorch_optimizer.CAME, lr=1e-3, clip_threshold=1.0)
    with pytest.raises(UsageError, match="clip_threshold cannot differ between groups"):
        made(model(), optimizer, groups=[{"set": {"clip_threshold": 2.0}}])


def test_what_only_groups_have_is_declared():
    with pytest.raises(UsageError, match="rank cannot differ"):
        made(model(), groups=[{"set": {"rank": 2}}])
    (group,) = made(model(), groups=[{"set": {"rank": 2}}], needs=Requirements(in_groups=["rank"]))
    assert group["rank"] == 2


@pytest.mark.parametrize("rules", [[{"match": "hed", "lr": 0.1}, {}], [{}, {"match": "head", "set": {"momentum": 0.1}}]])
def test_an_entry_that_would_change_something_and_takes_nothing_is_refused(rules):
    """A slip in a name would otherwise go unnoticed."""
    with pytest.raises(UsageError, match=r"no parameter is left for match=he.*head\.bias"):
        made(model(), groups=rules)


def test_an_entry_that_only_directs_may_take_nothing():
    """Muon's entry for embeddings, in a model that has none."""
    assert len(made(model(), auxiliary=ADAM, groups=[{"match": "embed", "to": "auxiliary"}, {}])) == 1


def test_an_optimizer_without_parameters_is_refused():
    with pytest.raises(UsageError, match="the optimizer trains no parameter"):
        made(model(), auxiliary=ADAM, groups=[{"to": "auxiliary"}])


def test_an_auxiliary_that_is_wanted_and_missing_is_refused():
    with pytest.raises(UsageError, match="set auxiliary"):
        made(model(), groups=[{"match": "head", "to": "auxiliary"}, {}])


def test_a_learning_rate_cannot_be_scaled_where_there_is_none():
    with pytest.raises(UsageError, match="no learning rate to scale"):
        made(model(), partial(pytorch_optimizer.AliG, max_lr=0.1), lr_decay=0.5)


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [(partial(torch.optim.LBFGS, lr=1.0), "parameter groups"), (partial(torch.optim.Muon, lr=0.1), "only supports 2D")],
)
def test_what_an_optimizer_says_to_its_parameters_is_a_sentence(optimizer, said):
    with pytest.raises(UsageError, match=f"optimizer, groups: .*{said}"):
        made(model(), optimizer, lr_decay=0.5)


def test_making_an_optimizer_does_not_change_the_config():
    words = ("optimizer=muon", "lr_decay=0.5", "decay.to=matrices")
    config, untouched = compose_config(*words)[0], compose_config(*words)[0]
    recipe = Recipe.of(config, partial(instantiate, _convert_="all"))
    recipe.make(model())
    assert config == untouched
    assert [group["lr"] for group in recipe.make(model()).param_groups] == [
        group["lr"] for group in recipe.make(model()).param_groups
    ]


@pytest.mark.parametrize(
    ("groups", "said"),
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
def test_groups_that_cannot_be_are_refused_before_anything_starts(groups, said):
    _, _, mistakes = compose_config(f"groups={groups}")
    assert said in "\n".join(mistakes)
