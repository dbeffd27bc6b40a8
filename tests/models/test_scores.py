"""Models that score documents of a list, or items for a user: each score is independent and equals the formula."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from descentlab.errors import UsageError
from descentlab.models.matrix_factorisation import MatrixFactorisation
from descentlab.models.ncf import NCF
from descentlab.models.scorer import Scorer

USERS, ITEMS = 5, 7
RECOMMENDERS = {
    "matrix_factorisation": lambda **more: MatrixFactorisation(USERS, ITEMS, 3, init_std=1.0, **more),
    "ncf": lambda **more: NCF(USERS, ITEMS, 3, [4, 2], init_std=1.0, **more),
}
every_recommender = pytest.mark.parametrize("name", RECOMMENDERS)


@pytest.mark.parametrize("hidden", [[], [4]])
def test_permuted_documents_have_permuted_scores(hidden):
    scorer, x, order = Scorer(3, hidden=hidden, norm="layer"), torch.randn(2, 6, 3), torch.tensor([4, 1, 0, 5, 2, 3])
    assert scorer(x).shape == (2, 6)
    torch.testing.assert_close(scorer(x[:, order]), scorer(x)[:, order])


def test_scorer_without_hidden_layers_is_a_weighted_sum():
    scorer, x = Scorer(3, hidden=[]), torch.randn(2, 6, 3)
    weight, bias = scorer.parameters()
    torch.testing.assert_close(scorer(x), x @ weight[0] + bias)


def test_batch_norm_is_refused():
    with pytest.raises(UsageError, match="padding"):
        Scorer(3, hidden=[4], norm="batch")


def pairs():
    return torch.tensor([[0, 6, 0, 3], [4, 1, 1, 2]])


def test_matrix_factorisation_equals_its_formula():
    model = RECOMMENDERS["matrix_factorisation"]()
    for embedding in (model.user_bias, model.item_bias):
        nn.init.normal_(embedding.weight)
    for row, found in zip(pairs().tolist(), model(pairs()), strict=True):
        for item, score in zip(row[1:], found, strict=True):
            match = model.user.weight[row[0]] @ model.item.weight[item]
            expected = model.user_bias.weight[row[0], 0] + model.item_bias.weight[item, 0] + match
            torch.testing.assert_close(score, expected)


def test_ncf_equals_its_formula():
    model = RECOMMENDERS["ncf"]()
    for row, found in zip(pairs().tolist(), model(pairs()), strict=True):
        for item, score in zip(row[1:], found, strict=True):
            user, other = model.embed_user.weight[row[0]], model.embed_item.weight[item]
            product = model.weigh(user[:3] * other[:3])
            torch.testing.assert_close(score, (product + model.mlp(torch.cat([user[3:], other[3:]])[None])[0])[0])


@every_recommender
def test_score_of_an_item_does_not_depend_on_the_others(name):
    model, items = RECOMMENDERS[name](), torch.arange(ITEMS)
    everything = model(torch.cat([torch.arange(USERS)[:, None], items.expand(USERS, -1)], 1))
    assert everything.shape == (USERS, ITEMS)
    torch.testing.assert_close(model(torch.tensor([[3, 5]])), everything[3:4, 5:6])


@every_recommender
def test_sparse_gradient_equals_the_dense_one(name):
    torch.manual_seed(0)
    dense, sparse = RECOMMENDERS[name](), RECOMMENDERS[name](sparse=True)
    sparse.load_state_dict(dense.state_dict())
    for model in (dense, sparse):
        model(pairs()).square().sum().backward()
    kinds = set()
    for (key, parameter), other in zip(dense.named_parameters(), sparse.parameters(), strict=True):
        kinds.add((isinstance(sparse.get_submodule(key.rpartition(".")[0]), nn.Embedding), other.grad.is_sparse))
        torch.testing.assert_close(other.grad.to_dense(), parameter.grad)
    assert kinds <= {(True, True), (False, False)}
    assert (True, True) in kinds


@every_recommender
def test_models_can_be_vmapped(name):
    models = [RECOMMENDERS[name]() for _ in range(3)]
    stack, _ = stack_module_state(models)
    found = vmap(lambda weights: functional_call(models[0], weights, (pairs(),)))(stack)
    torch.testing.assert_close(found, torch.stack([model(pairs()) for model in models]))
