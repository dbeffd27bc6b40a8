"""Requirements of a config that this machine does not meet."""

from __future__ import annotations

import pytest
from conftest import compose_config

from descentlab.config import machine
from descentlab.config.machine import beyond_this_machine

STREAMED = ("problem=imagenet_resnet50", "trainer=cpu")


@pytest.mark.parametrize(
    ("words", "needed", "lower"),
    [
        (("trainer=cpu", "threads=5"), "1 x (5 + 0) = 5", "threads"),
        ((*STREAMED,), "1 x (1 + 8) = 9", "data.workers"),
        ((*STREAMED, "data.workers=3", "threads=2"), "1 x (2 + 3) = 5", "data.workers or threads"),
        (("trainer=ddp", "trainer.devices=5", "trainer.accelerator=cpu"), "5 x (1 + 0) = 5", "trainer.devices"),
        (("trainer=ddp", "trainer.devices=5", "trainer.accelerator=gpu"), "5 x (1 + 0) = 5", "trainer.devices"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_run_that_needs_more_cores_than_the_machine_has_is_refused_with_the_keys_to_lower(monkeypatch, words, needed, lower):
    monkeypatch.setattr(machine, "cores", lambda: 4)
    config, _, _ = compose_config(*words)
    (message,) = [message for message in beyond_this_machine(config) if "cores" in message]
    assert needed in message
    assert message.endswith(f"is more than the 4 cores of this machine; lower {lower}")


@pytest.mark.parametrize("words", [("trainer=cpu", "threads=4"), (*STREAMED, "data.workers=3"), (*STREAMED, "data.workers=0")])
def test_run_that_uses_all_cores_is_not_refused(monkeypatch, words):
    monkeypatch.setattr(machine, "cores", lambda: 4)
    assert list(beyond_this_machine(compose_config(*words)[0])) == []
