"""start_from takes the weights of another run at an exact step."""

from __future__ import annotations

import pytest
import torch
from conftest import compose_config

from descentlab.config.identity import run_id
from descentlab.errors import UsageError
from descentlab.run import run as run_job
from descentlab.training.finished import load_finished

PARENT = ("problem=digits_mlp", "optimizer=sgd", "budget.epochs=null", "budget.steps=20", "log_every=1", "validate_every=20")


@pytest.fixture
def parent(train):
    return train(*PARENT, "checkpoint.snapshots=7", "sweep=parent")


def test_the_initial_weights_are_those_of_the_snapshot(parent, train):
    assert sorted(load_finished(parent.folder).snapshots) == [0, 7, 14, 20]
    start = (f"start_from.run={parent.folder}", "start_from.step=14")
    child = train(*PARENT, *start, "checkpoint.snapshots=5", "batch_size=full", "sweep=child")
    found, kept = load_finished(child.folder).snapshots[0], load_finished(parent.folder).snapshots[14]
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert child.column("train/loss")[0] != parent.column("train/loss")[0]


def test_a_start_is_part_of_the_id_whatever_the_folder(parent, tmp_path):
    moved = tmp_path / "elsewhere" / parent.folder.name
    moved.parent.mkdir()
    moved.symlink_to(parent.folder)
    ids = {
        run_id(compose_config(f"start_from.run={folder}", f"start_from.step={step}")[0])
        for folder in (parent.folder, moved)
        for step in (7, 14)
    }
    assert len(ids - {run_id(compose_config()[0])}) == 2


def test_weights_that_do_not_exist_or_do_not_fit_are_refused(parent, job):
    folder = f"start_from.run={parent.folder}"
    for words, message in (
        ((folder, "start_from.step=8"), "it has those of steps 0, 7, 14, 20"),
        ((folder,), "belong together"),
        (("start_from.run=/nowhere", "start_from.step=8"), "no such folder of a run"),
    ):
        assert message in compose_config(*words)[2][0]
    with pytest.raises(UsageError, match="weights of another model"):
        run_job(job(*PARENT, folder, "start_from.step=7", "model.hidden=[9]"))
