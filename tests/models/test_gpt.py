"""GPT: causality, position embeddings, initial weights and the number of parameters."""

import math

import pytest
import torch
from torch import nn

from descentlab.models.gpt import GPT, Attention, Rotary

SMALL = {"vocabulary": 11, "length": 12, "width": 16, "layers": 2, "heads": 2}
KINDS = [{}, {"positions": "learned"}, {"qk_norm": True}, {"tied": False}]
every_kind = pytest.mark.parametrize("changes", KINDS, ids=str)


def gpt(**changes):
    torch.manual_seed(0)
    model = GPT(**SMALL | changes).eval()
    for parameter in model.parameters():  # initially, all logits are nearly equal
        nn.init.normal_(parameter, std=0.3)
    return model


def ids(rows=3, steps=12):
    return torch.randint(11, (rows, steps), generator=torch.Generator().manual_seed(1))


@every_kind
@pytest.mark.parametrize("changed", [0, 5, 11])
def test_token_affects_only_its_own_step_and_later_ones(changes, changed):
    model, before = gpt(**changes), ids()
    after = before.clone()
    after[:, changed] = (after[:, changed] + 1) % 11
    moved = (model(after) - model(before)).abs().amax(dim=(0, 2))
    assert moved[:changed].eq(0).all()
    assert moved[changed:].gt(1e-6).all()


@every_kind
def test_logits_of_a_prefix_equal_those_within_the_whole(changes):
    model, whole = gpt(**changes), ids()
    torch.testing.assert_close(model(whole[:, :7]), model(whole)[:, :7])


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.uint16])
def test_ids_may_have_any_integer_type(kind):
    assert torch.equal(gpt()(ids().to(kind)), gpt()(ids()))


def test_attention_equals_the_formula():
    torch.manual_seed(0)
    width, heads, steps = 8, 2, 5
    layer, x = Attention(width, heads, steps, rotary=False, qk_norm=False, dropout=0.0), torch.randn(1, 5, width)
    q, k, v = layer.inputs(x)[0].split(width, dim=-1)
    seen = []
    for own in (slice(0, 4), slice(4, 8)):
        scores = (q[:, own] @ k[:, own].T / math.sqrt(4)).masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)
        seen.append(scores.softmax(-1) @ v[:, own])
    torch.testing.assert_close(layer(x)[0], layer.project(torch.cat(seen, -1)))


def test_rotary_products_depend_only_on_the_distance():
    torch.manual_seed(0)
    rotary = Rotary(8, 40)
    q, k = (torch.randn(8).expand(40, 8) for _ in range(2))
    products = rotary(q) @ rotary(k).T  # (40, 40): step of the query, step of the key
    for distance in (0, 1, 7, 30):
        diagonal = products.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)
    assert (products[7, 0] - products[0, 0]).abs() > 0.01
    torch.testing.assert_close(products[0, 0], q[0] @ k[0])


def test_rotary_rotates_each_pair_by_its_own_angle():
    """Comparison with complex numbers: pair i of width 6 is rotated by step / 10000^(2 i / 6)."""
    x = torch.randn(4, 6, dtype=torch.float64)
    turned = Rotary(6, 4).double()(x)
    pairs = torch.complex(x[:, :3], x[:, 3:])
    angles = torch.outer(torch.arange(4.0, dtype=torch.float64), 10_000 ** (-torch.arange(3.0, dtype=torch.float64) / 3))
    expected = pairs * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(turned, torch.cat([expected.real, expected.imag], 1), rtol=1e-5, atol=1e-6)


def test_qk_norm_makes_attention_independent_of_the_scale_of_queries_and_keys():
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    for normed in (True, False):
        layer = Attention(8, 2, 6, rotary=True, qk_norm=normed, dropout=0.0)
        nn.init.zeros_(layer.inputs.bias)
        before = layer(x)
        with torch.no_grad():
            layer.inputs.weight[:16] *= 50  # queries and keys
        assert torch.allclose(layer(x), before, atol=1e-4) == normed


def test_tied_weights_are_one_parameter():
    tied, apart = gpt(), gpt(tied=False)
    names = dict(tied.named_parameters())
    assert set(dict(apart.named_parameters())) - set(names) == {"head.weight"}
    before = tied(ids()).detach()
    with torch.no_grad():
        names["embed.weight"][3] += 1  # as a row of the output layer it changes the logits of 3 for any input
    assert ((tied(ids()) - before)[..., 3].abs() > 1e-3).all()
    loss = tied(torch.zeros(1, 4, dtype=torch.long)).sum()
    (gradient,) = torch.autograd.grad(loss, [names["embed.weight"]])
    assert (gradient[1:].abs().sum(1) > 0).all()  # although those tokens were not in the input


def test_initial_weights_are_those_of_gpt2():
    torch.manual_seed(0)
    model = GPT(vocabulary=300, length=64, width=128, layers=8, heads=2, positions="learned", tied=False)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            expected = 0.02 / math.sqrt(16) if name.endswith("project.weight") else 0.02
            assert float(parameter.detach().std()) == pytest.approx(expected, rel=0.05), name
            assert abs(float(parameter.detach().mean())) < expected / 20, name
        else:
            assert set(parameter.tolist()) == {1.0 if name.endswith("weight") else 0.0}, name
    logits = model(torch.randint(300, (2, 64)))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(300, (128,)))
    assert loss.item() == pytest.approx(math.log(300), rel=0.02)


def test_gpt_124m_has_the_published_number_of_parameters():
    with torch.device("meta"):
        model = GPT(50_257, 1024, width=768, layers=12, heads=12, positions="learned")
    assert sum(parameter.numel() for parameter in model.parameters()) == 124_439_808


def test_dropout_is_applied_only_in_training():
    model = gpt(dropout=0.5)
    assert torch.equal(model(ids()), gpt()(ids()))
    model.train()
    assert not torch.equal(model(ids()), model(ids()))


@pytest.mark.parametrize("changes", [{"heads": 3}, {"width": 6, "heads": 2}, {"positions": "sine"}])
def test_incompatible_sizes_are_refused(changes):
    with pytest.raises(ValueError, match=r"width=|positions="):
        GPT(**SMALL | changes)


def test_embedding_std_and_output_scale_change_those_initial_weights_only():
    options = {"tied": False, "positions": "learned", "init": "lecun"}
    found = []
    for changes in ({}, {"embedding_std": 0.3, "output_scale": 0.2}):
        torch.manual_seed(0)
        found.append(GPT(**SMALL | options | changes).state_dict())
    plain, changed = found
    for name, weight in plain.items():
        factor = 15 if name.startswith("embed") else 0.2 if name.startswith("head") else 1
        torch.testing.assert_close(changed[name], weight * factor)


def test_output_scale_of_a_tied_output_layer_is_refused():
    with pytest.raises(ValueError, match=r"output_scale=0\.5 requires model\.tied=false"):
        GPT(**SMALL, output_scale=0.5)
