"""Allocation of the cores and GPUs of a machine to runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.fake_launcher import TRAINER, make_job

from descentlab.launchers.slots import Share, Slots, gpus
from descentlab.store.job import Job


def resources(devices: int = 1, threads: int = 1, accelerator: str = "auto", workers: int = 0) -> Job:
    trainer = {**TRAINER, "devices": devices, "accelerator": accelerator}
    return make_job(Path("sweep"), "run", threads=threads, trainer=trainer, data={"workers": workers})


@pytest.mark.parametrize(
    ("given", "at_once"),
    [(resources(), 4), (resources(threads=2), 2), (resources(devices=2), 2), (resources(2, 2), 1)],
)
def test_processes_times_threads_never_exceed_the_cores(given, at_once):
    slots = Slots(4, [], 1)
    taken = [slots.take(given) for _ in range(at_once)]
    assert None not in taken
    assert slots.take(given) is None
    assert all(share.environment == {} for share in taken)


def test_data_loading_workers_count_as_threads():
    slots = Slots(4, [], 1)
    reading = resources(workers=2)
    assert slots.take(reading) == Share(3)
    assert slots.take(reading) is None
    assert slots.take(resources()) == Share(1)


def test_a_released_share_can_be_used_again():
    slots = Slots(2, ["0"], 1)
    first = slots.take(resources())
    assert slots.take(resources()) is None
    slots.give_back(first)
    assert slots.take(resources()) == first


def test_a_small_run_starts_alongside_another_and_a_large_one_waits():
    slots = Slots(3, [], 1)
    assert slots.take(resources(devices=2)) == Share(2)
    assert slots.take(resources(devices=2)) is None
    assert slots.take(resources()) == Share(1)


def test_a_run_that_needs_more_than_the_machine_has_runs_alone():
    slots = Slots(2, [], 1)
    small = slots.take(resources())
    assert slots.take(resources(devices=5)) is None
    slots.give_back(small)
    large = slots.take(resources(devices=5))
    assert large == Share(2)
    assert slots.take(resources()) is None
    slots.give_back(large)
    assert slots.take(resources()) == Share(1)


def test_each_run_has_its_own_gpu():
    slots = Slots(8, ["0", "1", "2"], 1)
    taken = [slots.take(resources()) for _ in range(3)]
    assert sorted(share.gpus for share in taken) == [("0",), ("1",), ("2",)]
    assert {share.environment["CUDA_VISIBLE_DEVICES"] for share in taken} == {"0", "1", "2"}
    assert slots.take(resources()) is None


def test_runs_that_share_gpus_are_spread_over_them():
    slots = Slots(8, ["3", "5"], 2)
    taken = [slots.take(resources()).gpus for _ in range(4)]
    assert sorted(taken[:2]) == sorted(taken[2:]) == [("3",), ("5",)]
    assert slots.take(resources()) is None


def test_a_run_on_several_gpus_has_different_ones():
    slots = Slots(8, ["0", "1", "2"], 2)
    first, second = slots.take(resources(devices=2)), slots.take(resources(devices=2))
    assert len(set(first.gpus)) == len(set(second.gpus)) == 2
    third = slots.take(resources(devices=2))
    assert sorted([*first.gpus, *second.gpus, *third.gpus]) == ["0", "0", "1", "1", "2", "2"]
    assert slots.take(resources()) is None
    assert first.environment == {"CUDA_VISIBLE_DEVICES": ",".join(first.gpus)}


def test_runs_on_gpus_use_cores_too_and_runs_on_the_cpu_use_no_gpu():
    slots = Slots(2, ["0", "1", "2"], 1)
    assert slots.take(resources(accelerator="cpu")) == Share(1)
    assert slots.take(resources()).gpus != ()
    assert slots.take(resources()) is None


@pytest.mark.parametrize(
    ("value", "found"), [("0,1", ["0", "1"]), ("3", ["3"]), ("", []), ("-1", []), ("GPU-ab,MIG-c", ["GPU-ab", "MIG-c"])]
)
def test_cuda_visible_devices_restricts_the_gpus(monkeypatch, value, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpus() == found


LISTED = "GPU 0: A (UUID: GPU-a)\n  MIG 1g.5gb Device 0: (UUID: MIG-b)\nGPU 1: A (UUID: GPU-c)"


@pytest.mark.parametrize(
    ("script", "found"),
    [(f"echo '{LISTED}'", ["0", "1"]), ("echo 'No devices were found'", []), ("echo 'GPU 0: broken'; exit 9", []), (None, [])],
    ids=["two", "none", "a broken driver", "no program"],
)
def test_gpus_are_those_that_nvidia_smi_lists(monkeypatch, tmp_path, script, found):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if script:
        program = tmp_path / "nvidia-smi"
        program.write_text(f'#!/bin/sh\n[ "$1" = -L ] || exit 5\n{script}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]) if script else str(tmp_path))
    assert gpus() == found
