"""Collective operations in a process group of one process; tests/parallel/test_ddp.py runs them with two."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from descentlab.parallel import collectives


@pytest.fixture
def group(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    collectives.destroy_process_group()


def test_values_of_a_single_process_are_returned_as_they_are(group):
    assert collectives.broadcast("a") == "a"
    assert collectives.gather({"a": 1}) == [{"a": 1}]
    assert collectives.maximum(3, torch.device("cpu")) == 3
    numbers, flags = torch.tensor([1.5, 2.0]), torch.tensor([True, False])
    assert torch.equal(collectives.summed(numbers), numbers)
    assert torch.equal(collectives.everywhere(flags), flags)


def test_leave_destroys_the_process_group_once(group):
    collectives.destroy_process_group()
    assert not dist.is_initialized()
    collectives.destroy_process_group()
    assert collectives.broadcast("a") == "a"  # without a group
