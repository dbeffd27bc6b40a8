"""The update rule of an optimizer that has been constructed."""

from __future__ import annotations

import pytest
import torch
from pytorch_optimizer import Lion

from descentlab.optim.programs.update_rules import update_rule
from descentlab.rules import lion

PARAMETERS = [torch.zeros(2, requires_grad=True)]


def test_plain_lion_has_the_rule_of_lion():
    optimizer = Lion(PARAMETERS, use_gc=False)
    rule = update_rule(optimizer, optimizer.param_groups[0])
    assert rule is not None
    assert rule.update is lion.update


@pytest.mark.parametrize("flag", ["use_gc", "adanorm", "cautious", "maximize", "fixed_decay"])
def test_lion_with_another_update_has_no_rule(flag):
    optimizer = Lion(PARAMETERS, **{flag: True})
    assert update_rule(optimizer, optimizer.param_groups[0]) is None


def test_maximization_has_no_rule():
    optimizer = torch.optim.Adam(PARAMETERS, maximize=True)
    assert update_rule(optimizer, optimizer.param_groups[0]) is None
