"""Times to the target of entries with different targets."""

from __future__ import annotations

from descentlab.report.compare import compare
from descentlab.report.load import load


def kinds(folder, by):
    (answer,) = compare(load([folder]), by=by)
    return {flag.kind: flag.message for flag in answer.flags}


def write(make_run, *targets):
    for name, target in zip(("adam", "sgd"), targets, strict=True):
        for seed in range(2):
            summary = {"target": target, "steps_to_target": 40 + seed, "steps": 200}
            make_run(name, seed=seed, config={"target": target}, summary=summary)


def test_times_to_different_targets_are_flagged(make_run, tmp_path):
    write(make_run, 0.9, 0.95)
    message = kinds(tmp_path / "sweep", "steps_to_target")["different_targets"]
    assert "The targets differ (" in message
    assert "0.9 for adam target=0.9" in message
    assert "the steps to target are not comparable. Train with one target." in message
    assert "different_targets" not in kinds(tmp_path / "sweep", "test/accuracy")


def test_times_to_one_target_are_not_flagged(make_run, tmp_path):
    write(make_run, 0.9, 0.9)
    assert "different_targets" not in kinds(tmp_path / "sweep", "steps_to_target")
