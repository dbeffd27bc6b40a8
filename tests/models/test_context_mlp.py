"""The MLP language model: the tokens that a prediction depends on, and its formula."""

from __future__ import annotations

import pytest
import torch

from descentlab.models.context_mlp import ContextMLP


def made(context=3):
    torch.manual_seed(0)
    return ContextMLP(11, context, 4, hidden=[6], activation="tanh")


def ids(rows=2, steps=8):
    return torch.randint(11, (rows, steps), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("context", [1, 3])
def test_token_affects_only_the_steps_whose_context_has_it(context):
    model, before = made(context), ids()
    after = before.clone()
    after[:, 4] = (after[:, 4] + 1) % 11
    moved = (model(after) - model(before)).abs().amax(dim=(0, 2)) > 0
    assert moved.nonzero().flatten().tolist() == list(range(4, 4 + context))


def test_logits_equal_the_mlp_of_the_concatenated_embeddings_oldest_first():
    model, read = made(), ids()
    vectors, logits = model.embed(read), model(read)
    assert logits.shape == (2, 8, 11)
    for step in range(2, 8):
        joined = torch.cat([vectors[:, step - 2], vectors[:, step - 1], vectors[:, step]], 1)
        torch.testing.assert_close(logits[:, step], model.mlp(joined))
    first = torch.cat([torch.zeros(2, 8), vectors[:, 0]], 1)  # zeros in place of the tokens before the first
    torch.testing.assert_close(logits[:, 0], model.mlp(first))


def test_ids_may_have_any_integer_type():
    assert torch.equal(made()(ids().to(torch.uint8)), made()(ids()))
