"""half_life.KEY sets the decay rate of an average from a number of examples and the batch size."""

from __future__ import annotations

import math

import pytest
from conftest import compose_config

from descentlab.config.half_life import decay_rate
from descentlab.config.identity import run_id


def composed(*words):
    config, _, mistakes = compose_config(*words)
    assert not mistakes, mistakes
    return config


def test_half_of_a_share_is_left_after_a_half_life():
    assert decay_rate(640, 64) ** 10 == pytest.approx(0.5)
    assert decay_rate(5, 5) == 0.5


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_the_same_half_life_at_another_batch_size(batch):
    """beta2 = 0.95 at batch 64 is 0.95^(1/64) at batch 1 (arXiv:2507.07101)."""
    half_life = 64 * math.log(0.5) / math.log(0.95)
    config = composed("optimizer=adamw", f"half_life.second_moment={half_life!r}", f"batch_size={batch}")
    assert config["optimizer"]["betas"] == [0.9, pytest.approx(0.95 ** (batch / 64), rel=1e-11)]


@pytest.mark.parametrize(
    ("words", "node", "expected"),
    [
        (("optimizer=momentum", "half_life.momentum=100"), "optimizer", {"momentum": 0.5**0.1}),
        (("optimizer=adam", "half_life.momentum=100"), "optimizer", {"betas": [pytest.approx(0.5**0.1), 0.999]}),
        (("optimizer=rmsprop", "half_life.second_moment=100"), "optimizer", {"alpha": 0.5**0.1}),
        (("optimizer=adadelta", "half_life.second_moment=100"), "optimizer", {"rho": 0.5**0.1}),
        (("average.kind=ema", "half_life.average=1000"), "average", {"decay": 0.5**0.01}),
    ],
    ids=str,
)
def test_each_average_can_have_a_half_life(words, node, expected):
    config = composed(*words, "batch_size=10")
    for key, value in expected.items():
        assert config[node][key] == (value if isinstance(value, list) else pytest.approx(value, rel=1e-11))


def test_a_run_has_the_id_of_the_rate():
    short = composed("optimizer=adam", "half_life.second_moment=32", "batch_size=32")
    assert run_id(short) == run_id(composed("optimizer=adam", "optimizer.betas=[0.9,0.5]", "batch_size=32"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("half_life.second_moment=10", "batch_size=full"), "give batch_size as a number"),
        (("optimizer=sgd", "half_life.second_moment=10"), "the optimizer has none of betas, alpha, rho"),
        (("half_life.average=10",), "half_life.average has no effect without average.kind=ema"),
        (("half_life.second_moment=0",), "half_life.second_moment=0 is not allowed"),
        (("+half_life.beta2=10",), "unknown key"),
    ],
    ids=str,
)
def test_half_lives_that_set_nothing_are_refused(words, message):
    assert message in "\n".join(compose_config(*words)[2])
