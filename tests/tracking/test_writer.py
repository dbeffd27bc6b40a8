"""The process that writes W&B runs after training."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
from support.waiting import wait_until
from support.wandb_file import offline_runs, wandb_records

from descentlab.store.record import TRACKED, find
from descentlab.tracking import writer
from descentlab.tracking.writer import Writer

pytestmark = pytest.mark.usefixtures("no_credentials")


@pytest.fixture
def sweep(make_tracked, monkeypatch):
    """The folder of a sweep of four ended runs, none of which is written; how long this takes is not announced."""
    monkeypatch.setattr(writer, "SHORT", math.inf)
    return make_tracked(adam=0.98, sgd=0.9, seeds=2, is_tracked=False)


def write(sweep):
    """Write the runs of `sweep` in one process, and return the messages."""
    messages: list[str] = []
    with Writer(messages.append) as process:
        for record in find(sweep):
            process.add(record, record.folder)
    return messages


@pytest.mark.slow
def test_all_runs_are_written_by_one_process_and_only_once(sweep, monkeypatch):
    monkeypatch.setattr(writer, "SHORT", 0.0)
    assert write(sweep) == ["writing 4 runs to W&B"]
    logged = [wandb_records(next(run.glob("*.wandb"))) for run in offline_runs(sweep)]
    assert {each["run"][0]["display_name"] for each in logged} == {record.name for record in find(sweep)}
    assert len({each["environment"][0]["writer_id"] for each in logged}) == 4
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    assert write(sweep) == []


def test_no_process_is_started_if_wandb_is_disabled(sweep, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    assert write(sweep) == []


@pytest.mark.parametrize(
    ("word", "mode", "started"),
    [
        ("logger=wandb", None, True),
        ("logger=none", None, False),
        ("logger.live=true", None, False),
        ("logger=wandb", "disabled", False),
        ("logger=wandb", "online", False),
    ],
)
def test_the_process_starts_early_if_it_is_expected_to_write_runs(job, monkeypatch, word, mode, started):
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    with Writer(pytest.fail) as process:
        process.expect([job("logger=wandb", word)])
        assert (process.process is not None) is started


@pytest.mark.slow
def test_errors_are_reported_in_one_line_and_the_next_command_writes_the_runs(sweep):
    (sweep / "wandb").write_text("in the way")
    (message,) = write(sweep)
    assert message.startswith("Weights & Biases: 4 runs could not be written, the same command tries again: FileExistsError")
    (sweep / "wandb").unlink()
    assert write(sweep) == []
    assert len(offline_runs(sweep)) == 4


@pytest.mark.slow
def test_a_process_that_dies_is_reported_with_its_last_line(sweep, monkeypatch):
    monkeypatch.setattr(writer, "LIBRARY", "descentlab.no_such_module")
    (message,) = write(sweep)
    assert "4 runs could not be written" in message
    assert "no_such_module" in message


@pytest.mark.slow
def test_a_process_without_progress_is_killed(sweep, monkeypatch):
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    (message,) = write(sweep)
    assert "nothing was written within 0.05 seconds" in message


@pytest.mark.slow
def test_leaving_by_an_interrupt_ends_the_process_and_the_next_command_writes_the_rest(sweep):
    messages: list[str] = []

    def interrupted() -> None:
        with Writer(messages.append) as process:
            for record in find(sweep):
                process.add(record, record.folder)
            began.append(process.process)
            wait_until(lambda: list(sweep.glob(f"*/{TRACKED}")), 60, "the first run")
            raise KeyboardInterrupt

    began: list[subprocess.Popen[str]] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert began[0].poll() is not None
    assert messages == ["rerun the same command to write the rest to W&B"]
    assert write(sweep) == []
    assert len(offline_runs(sweep)) == 4
    for run in offline_runs(sweep):
        assert [each["exit_code"] for each in wandb_records(next(run.glob("*.wandb")))["exit"]] == [0]


@pytest.mark.slow
def test_the_process_ends_with_the_command_that_started_it(sweep):
    line = [sys.executable, "-m", writer.LIBRARY]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, text=True)
    try:
        process.stdin.write(json.dumps({"run": str(next(sweep.iterdir()).resolve())}) + "\n")
        process.stdin.flush()
        time.sleep(0.1)
        process.stdin.close()  # as the end of the command does
        assert process.wait(60) == 1
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
