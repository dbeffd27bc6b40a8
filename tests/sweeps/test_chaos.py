"""Two hundred runs of which one in five breaks: each has the status of its fault, and no process is left."""

from __future__ import annotations

from collections import Counter

import pytest
from support.curves import timeless_curves
from support.faults import chaos

from descentlab.store import record as records

STATUS = {
    **{"none": "completed", "kill": "crashed", "segfault": "crashed", "exit": "crashed"},
    **{"hang": "timeout", "nan": "diverged", "raise": "failed"},
}
SEEDS = 200
WORDS = ("+model.fault=chaos", f"seed=range({SEEDS})", "data_seed=0", "heartbeat=8", "+model.pause=0.001")


def test_one_run_in_five_has_a_fault_and_every_kind_of_fault_occurs():
    faults = Counter(chaos(seed).split("-")[0] for seed in range(SEEDS))
    assert set(faults) == set(STATUS)
    assert 0.15 < 1 - faults["none"] / SEEDS < 0.25


@pytest.mark.slow
def test_two_hundred_runs_have_the_statuses_of_their_faults_and_the_same_command_completes_them(lab):
    first = lab.run(*WORDS, timeout=1800)
    found = {record.config["seed"]: record for record in records.find(lab.folder / "out" / "s")}
    assert first.returncode == 1
    assert {seed: str(record.status) for seed, record in found.items()} == {
        seed: STATUS[chaos(seed).split("-")[0]] for seed in range(SEEDS)
    }
    assert lab.is_quiet_within(15), lab.processes()
    results = sum(record.status.is_result for record in found.values())
    second = lab.run(*WORDS, timeout=1800)
    assert second.returncode == 0
    assert f"{results} of {SEEDS} finished before and reused" in second.stderr
    again = {record.config["seed"]: record for record in records.find(lab.folder / "out" / "s")}
    assert Counter(str(record.status) for record in again.values()) == Counter(
        "diverged" if chaos(seed).startswith("nan") else "completed" for seed in range(SEEDS)
    )
    broken = [seed for seed in range(SEEDS) if not found[seed].status.is_result]
    listed = ",".join(map(str, broken))
    whole = lab.run("+model.fault=chaos", f"seed={listed}", *WORDS[2:], out="reference", armed=False, timeout=1800)
    assert whole.returncode == 0
    reference = {record.config["seed"]: record for record in records.find(lab.folder / "reference" / "s")}
    assert set(reference) == set(broken)
    assert not [seed for seed in broken if not timeless_curves(again[seed]).equals(timeless_curves(reference[seed]))]
