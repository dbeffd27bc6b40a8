"""Logits and entropy of attention, against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from support.probing import context_of, double, mean_output, measure
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from descentlab.diagnostics.attention import Attention
from descentlab.diagnostics.measuring.attention_calls import AttentionCalls, statistics
from descentlab.models.gpt import GPT

QUERY, KEY, VALUE = double(2, 3, 5, 4), double(2, 3, 5, 4, seed=1), double(2, 3, 5, 4, seed=2)
MASK = torch.tensor([[True] * (5 - row) + [False] * row for row in range(5)])


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, torch.ones(5, 5, dtype=torch.bool)),
        ({"is_causal": True}, torch.ones(5, 5, dtype=torch.bool).tril()),
        ({"attn_mask": MASK}, MASK),
        ({"attn_mask": torch.zeros(5, 5, dtype=torch.float64).masked_fill(~MASK, -math.inf)}, MASK),
    ],
)
@pytest.mark.parametrize("scale", [None, 2.0])
def test_statistics_are_those_of_the_softmax_over_the_keys_that_are_seen(settings, seen, scale):
    largest, entropy = statistics(QUERY, KEY, VALUE, scale=scale, **settings)
    logits, entropies = [], []
    for example in range(2):
        for head in range(3):
            for row in range(5):
                keys = KEY[example, head][seen[row]]
                own = keys @ QUERY[example, head, row] * (0.5 if scale is None else scale)
                logits += own.tolist()
                if len(own) > 1:
                    weights = own.softmax(0)
                    entropies.append(float(-(weights * weights.log()).sum()) / math.log(len(own)))
    assert float(largest) == pytest.approx(max(map(abs, logits)), rel=1e-12)
    assert float(entropy) == pytest.approx(sum(entropies) / len(entropies), rel=1e-10)


def test_calls_return_what_they_return_without_the_recording():
    model = nn.Identity()
    with AttentionCalls(model) as calls:
        found = scaled_dot_product_attention(QUERY, KEY, VALUE, is_causal=True)
    assert torch.equal(found, scaled_dot_product_attention(QUERY, KEY, VALUE, is_causal=True))
    assert calls.logits.keys() == {""}
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


@pytest.mark.parametrize("gain", [0.0, 1e4])
def test_a_transformer_whose_queries_are_zero_or_large_attends_uniformly_or_to_one_key(gain):
    torch.manual_seed(0)
    model = GPT(vocabulary=11, length=8, width=16, layers=2, heads=2)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.inputs.weight[:16].mul_(gain)
    found = measure(Attention(), context_of(model, mean_output, [(torch.randint(11, (6, 8)),)])).layers
    assert found["attention_logit"].keys() == {"blocks.0.attention", "blocks.1.attention"}
    for layer, logit in found["attention_logit"].items():
        entropy = found["attention_entropy"][layer]
        assert (logit, entropy) == (0, pytest.approx(1, abs=1e-6)) if gain == 0 else (logit > 100 and entropy < 0.2)


def test_a_model_without_attention_is_evaluated_once():
    calls = []

    def loss(predict, batch):
        calls.append(1)
        return predict(batch[0]).mean()

    probe, context = Attention(), context_of(nn.Linear(2, 2), loss, [(torch.rand(3, 2),)])
    assert measure(probe, context).layers == measure(probe, context).layers == {}
    assert len(calls) == 1
