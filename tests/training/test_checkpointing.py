"""A run that is asked to end at any step and resumed equals the uninterrupted run bit for bit, except in its times."""

from __future__ import annotations

import signal
import time
from itertools import pairwise

import pytest
import torch
from support.curves import timeless_curves

from descentlab.data.loading import loader
from descentlab.run import main, run
from descentlab.store import checkpoint as checkpoints
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.record import CHECKPOINT, RECORD, Record, Status, read_curves
from descentlab.training import checkpointing
from descentlab.training.checkpointing import Checkpointing

# Everything that must be restored: optimizer state, dropout, running means, a schedule; and steps of several parts.
RUN = (
    *("problem=digits_mlp", "optimizer=adam", "model.dropout=0.3", "model.norm=batch", "schedule=cosine"),
    *("schedule.warmup=3", "budget.epochs=null", "log_every=4", "data.limit=200", "batch_size=48", "microbatch=20"),
)
STEPS = 13
SHORT = (*RUN, f"budget.steps={STEPS}", "validate_every=4")


class AtBoundary(Interruption):
    """Asks the run to end at its `number`-th boundary; None: never."""

    def __init__(self, number: int | None) -> None:
        self.number, self.boundaries = number, 0
        self.deferred = False

    @property
    def asked(self) -> str:
        self.boundaries += 1
        return "SIGTERM" if self.number is not None and self.boundaries >= self.number else ""


@pytest.fixture(autouse=True)
def one_step_chunks(monkeypatch):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)


def attempt(job, number: int | None = None):
    """Return the record, or None if the attempt was ended at its `number`-th boundary."""
    try:
        return run(job, AtBoundary(number))
    except Interrupted:
        return None


def timeless(record: Record) -> dict:
    return {key: value for key, value in record.summary.items() if "seconds" not in key and key != "diagnostics"}


@pytest.fixture
def compare(job):
    """Train `words` uninterrupted, and interrupted after `numbers` of boundaries; check that curves and summary are equal."""

    def do(*words: str, numbers) -> Record:
        whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
        expected = attempt(whole)
        for number in numbers:
            assert attempt(parts, number) is None, f"it ended before boundary {number}"
        found = attempt(parts)
        assert timeless_curves(parts).equals(timeless_curves(whole))
        assert timeless(found) == timeless(expected)
        assert (found.status, found.reason) == (expected.status, expected.reason)
        return found

    return do


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_run_resumed_at_any_step_equals_the_uninterrupted_run(compare, step):
    compare(*SHORT, numbers=[step])


def test_a_run_interrupted_at_every_step_equals_the_uninterrupted_run(compare):
    compare(*SHORT, numbers=[1] * (STEPS - 1))


def test_the_last_step_is_followed_by_no_boundary(job):
    given = job(*SHORT)
    counter = AtBoundary(None)
    run(given, counter)
    assert counter.boundaries == STEPS - 1


def test_a_run_ends_after_the_validation_of_its_step(job):
    """The row of the validation is written once: the next attempt does not validate again."""
    given = job(*SHORT)
    assert attempt(given, 8) is None
    assert read_curves(given.folder)["step"].to_list()[-1] == 8
    attempt(given)
    validated = read_curves(given.folder).drop_nulls("valid/loss")["step"].to_list()
    assert validated == [0, 4, 8, 12, 13]


def test_rows_after_the_checkpoint_are_rewritten_and_not_duplicated(job):
    """A kill between two saves: the curves are longer than at the checkpoint."""
    given = job(*SHORT)
    assert attempt(given, 5) is None
    saved = (given.folder / CHECKPOINT).read_bytes()
    assert attempt(given, 5) is None  # to step 10
    assert read_curves(given.folder)["step"].max() >= 8
    (given.folder / CHECKPOINT).write_bytes(saved)
    attempt(given)
    whole = job(*SHORT, "sweep=whole")
    attempt(whole)
    assert timeless_curves(given).equals(timeless_curves(whole))


LINEAR = ("problem=diabetes_linear", "optimizer=sgd", "log_every=1", "validate_every=4")


@pytest.mark.parametrize("number", [3, 4, 8, 11])
def test_patience_is_restored(compare, number):
    record = compare(*LINEAR, "optimizer.lr=0", "stop.patience=3", numbers=[number])
    assert record.summary["steps"] == 12
    assert "3 validations" in record.reason


def test_min_delta_compares_with_the_value_of_the_last_improvement(compare):
    given = (*LINEAR, "optimizer.lr=0.005", "stop.patience=2", "stop.min_delta=1.5", "budget.epochs=10")
    record = compare(*given, numbers=[6, 7])
    assert record.summary["steps"] < 100
    assert "2 validations" in record.reason


def test_the_steps_to_the_target_are_restored(compare):
    record = compare(*LINEAR, "target=60", "budget.epochs=10", numbers=[90])
    assert 0 < record.summary["steps_to_target"] < 90


def test_a_target_ends_a_resumed_run(compare):
    record = compare("problem=digits_mlp", "target=0.5", "stop.at_target=true", "validate_every=5", numbers=[7, 6])
    assert record.summary["steps"] == record.summary["steps_to_target"] > 13


def test_the_divergence_bound_is_restored(compare):
    bowl = ("problem=quadratic_deep", "optimizer=sgd", "optimizer.lr=0.05", "stop.divergence=100", "validate_every=1000")
    record = compare(*bowl, numbers=[3])
    assert record.status is Status.DIVERGED


def test_the_best_weights_are_restored_and_tested(compare):
    """At this learning rate the best validation is not the last one."""
    noisy = ("problem=digits_mlp", "optimizer=sgd", "optimizer.lr=1.5", "validate_every=10", "budget.epochs=null")
    record = compare(*noisy, "budget.steps=100", numbers=[95])
    assert record.summary["best_step"] < 95
    assert record.summary["test"]


def test_the_clock_is_restored_and_excludes_the_time_between_attempts(job):
    given = job(*LINEAR, "budget.epochs=null", "budget.seconds=0.4")
    assert attempt(given, 20) is None
    spent = checkpoints.read(given.folder)["clock"]
    assert 0 < spent < 0.3
    time.sleep(0.5)
    record = attempt(given)
    times = read_curves(given.folder).drop_nulls("train/loss")["train_seconds"]
    assert times.is_sorted()
    assert record.summary["train_seconds"] == pytest.approx(0.4, abs=0.1)
    assert record.summary["steps"] > 20
    first_again = times.to_list()[20]
    assert spent <= first_again < spent + 0.1


def test_seconds_of_earlier_attempts_count_towards_the_budget(job):
    given = job(*LINEAR, "budget.epochs=null", "budget.seconds=0.2")
    number = 10
    assert attempt(given, number) is None
    state = checkpoints.read(given.folder)
    checkpoints.write(given.folder, {**state, "clock": 0.199999})
    assert attempt(given).summary["steps"] <= number + 2


@pytest.mark.parametrize("keep", [True, False])
def test_a_kept_checkpoint_has_the_weights_of_the_last_step(job, keep):
    given = job(*SHORT, f"checkpoint.keep={keep}".lower(), "checkpoint.every=null")
    attempt(given)
    state = checkpoints.read(given.folder)
    if not keep:
        assert state is None
        return
    assert state["step"] == STEPS
    assert set(state["weights"]) >= {"head.weight", "head.bias"}


@pytest.mark.parametrize(("every", "saves"), [("0", STEPS - 1), ("1000", 0), ("null", 0)])
def test_checkpoint_every_sets_the_interval_of_saves(job, monkeypatch, every, saves):
    steps: list[int] = []
    monkeypatch.setattr(checkpoints, "write", lambda folder, state: steps.append(state["step"]))
    monkeypatch.setattr(checkpointing, "SHARE", 1e9)
    attempt(job(*SHORT, f"checkpoint.every={every}"))
    assert steps == list(range(1, saves + 1))


def test_saving_takes_at_most_its_share_of_the_time(job, monkeypatch):
    """Writing takes 10 ms, so the next save comes half a second later, for any `every`."""
    began: list[float] = []

    def write(folder, state):
        began.append(time.monotonic())
        time.sleep(0.01)

    monkeypatch.setattr(checkpoints, "write", write)
    attempt(job(*LINEAR, "budget.epochs=null", "budget.seconds=0.6", "checkpoint.every=0"))
    assert len(began) >= 1
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(began))


def test_time_spent_on_saving_is_not_training_time(job, monkeypatch):
    def write(folder, state):
        time.sleep(0.3)

    monkeypatch.setattr(checkpoints, "write", write)
    monkeypatch.setattr(checkpointing, "SHARE", 1e9)
    record = attempt(job(*LINEAR, "budget.epochs=null", "budget.steps=6", "checkpoint.every=0"))
    assert record.timings["fit"] > 5 * 0.3
    assert record.summary["train_seconds"] < 0.3


def test_a_failed_save_is_reported_and_the_run_continues(job, monkeypatch, capsys):
    def write(folder, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write", write)
    record = attempt(job(*SHORT, "checkpoint.every=0"))
    assert record.status is Status.COMPLETED
    assert "no checkpoint at step 1: [Errno 28] No space left on device" in capsys.readouterr().err


def test_saving_does_not_change_the_run(job, monkeypatch):
    monkeypatch.setattr(checkpointing, "SHARE", 1e9)
    saving, whole = job(*SHORT, "checkpoint.every=0", "sweep=saving"), job(*SHORT, "checkpoint.every=null", "sweep=whole")
    attempt(saving)
    attempt(whole)
    assert (saving.folder / CHECKPOINT).exists()
    assert timeless_curves(saving).equals(timeless_curves(whole))


def test_a_checkpoint_holds_tensors_and_plain_values_only(job):
    given = job(*SHORT)
    attempt(given, 6)
    assert torch.load(given.folder / CHECKPOINT, weights_only=True)["step"] == 6
    assert set(checkpoints.read(given.folder)) >= {"weights", "optimizer", "best_weights", "random", "clock", "outcome"}


@pytest.fixture
def handlers_restored():
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGUSR2)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def listening() -> Interruption:
    """Return an interruption whose signal handlers are installed, as in the process of a run."""
    interruption = Interruption()
    interruption.listen()
    return interruption


@pytest.mark.usefixtures("handlers_restored")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_ends_a_run_with_a_checkpoint_and_an_interrupted_record(job, monkeypatch, signum):
    given = job(*SHORT, "checkpoint.every=null")
    boundary, calls = Checkpointing.boundary, []

    def signalled(self, event):
        calls.append(event)
        if len(calls) == 6:
            signal.raise_signal(signum)
        boundary(self, event)

    monkeypatch.setattr(Checkpointing, "boundary", signalled)
    assert main(given.folder, listening()) == 1
    record = Record.read(given.folder)
    assert (record.status, record.reason) == (Status.INTERRUPTED, f"{signum.name} at step 6")
    assert (given.folder / CHECKPOINT).exists()
    assert main(given.folder, listening()) == 0
    assert Record.read(given.folder).status is Status.COMPLETED
    assert not (given.folder / CHECKPOINT).exists()
    whole = job(*SHORT, "sweep=whole")
    attempt(whole)
    assert timeless_curves(given).equals(timeless_curves(whole))


@pytest.mark.usefixtures("handlers_restored")
def test_checkpoint_keep_leaves_the_checkpoint_of_a_finished_run(job):
    given = job(*SHORT, "checkpoint.keep=true")
    assert main(given.folder, listening()) == 0
    assert (given.folder / CHECKPOINT).exists()
    assert (given.folder / RECORD).exists()
