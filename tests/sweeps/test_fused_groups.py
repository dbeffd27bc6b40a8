"""The queue and fused groups, with a launcher that starts no processes: records, faults, limits, smaller groups, stopping."""

from __future__ import annotations

import pytest
from support.fake_launcher import BEAT, DECLINE, DIE, DIED, HANG, FakeAttempt, FakeLauncher, make_job

from descentlab.launchers.base import Fusing
from descentlab.store.record import CHECKPOINT, RECORD, SINGLE
from descentlab.sweeps.launch import train
from descentlab.sweeps.past import JobDecision, prepare
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Grid

FUSED = Fusing("auto", at_once=1)


@pytest.fixture
def make(tmp_path):
    """Make jobs of equal structure: make("ab", retries=1)."""
    return lambda names, **config: [
        make_job(tmp_path / "s", name, seed=seed, data_seed=seed, **config) for seed, name in enumerate(names)
    ]


def every(names, *outcomes) -> dict[str, list[str]]:
    """Return the outcomes of the attempts, the same for each of `names`."""
    return {name: list(outcomes) for name in names}


def starts(launcher) -> list[str]:
    """Return the jobs of each attempt, as one word."""
    return ["".join(names) for _, names in launcher.starts]


def statuses(launcher, jobs, signals=None) -> dict[str, str]:
    return {record.name: str(record.status) for record in train(Grid(jobs), lambda _: launcher, signals)}


def test_runs_of_equal_structure_are_one_attempt_and_have_a_record_each(clock, make, capsys):
    launcher = FakeLauncher(clock, {"b": ["diverged"]}, fusing=FUSED)
    assert statuses(launcher, make("abc")) == {"a": "completed", "b": "diverged", "c": "completed"}
    assert starts(launcher) == ["abc"]
    output = capsys.readouterr().err
    assert "3 runs in 1 fused group (hydra.launcher.fuse=never trains them one by one)" in output
    assert "started   a and 2 more as one fused group" in output


def test_runs_are_single_by_default_and_nothing_is_announced(clock, make, capsys):
    launcher = FakeLauncher(clock)
    statuses(launcher, make("abc"))
    assert starts(launcher) == ["a", "b", "c"]
    assert "fused" not in capsys.readouterr().err


def test_runs_that_cannot_be_fused_are_announced_with_the_reason(clock, make, tmp_path, capsys):
    jobs = [*make("ab"), make_job(tmp_path / "s", "c", microbatch=4)]
    launcher = FakeLauncher(clock, fusing=FUSED)
    statuses(launcher, jobs)
    assert starts(launcher) == ["ab", "c"]
    assert "1 single: microbatch is set" in capsys.readouterr().err


def test_a_lost_process_divides_its_group_until_the_run_that_causes_it_is_alone(clock, make, capsys):
    class Poison(FakeLauncher):
        """Loses each process that runs the job c."""

        def start(self, groups):
            self.outcomes = {
                job.name: [DIE if any(each.name == "c" for each in group) else "completed"] for group in groups for job in group
            }
            return super().start(groups)

    launcher = Poison(clock, fusing=FUSED)
    assert statuses(launcher, make("abcd")) == {"a": "completed", "b": "completed", "c": "crashed", "d": "completed"}
    assert starts(launcher) == ["abcd", "ab", "cd", "c", "d"]
    output = capsys.readouterr().err
    assert f"4 runs of a fused group are trained in groups of at most 2: {DIED}" in output
    assert f"2 runs of a fused group are trained one by one: {DIED}" in output


def test_the_division_of_a_group_counts_as_no_retry_and_a_single_run_is_retried(clock, make, capsys):
    launcher = FakeLauncher(clock, {"a": [DIE, DIE, "completed"], "b": [DIE, "completed"]}, fusing=FUSED)
    assert statuses(launcher, make("ab", retries=1)) == {"a": "completed", "b": "completed"}
    assert starts(launcher) == ["ab", "a", "b", "a"]
    assert f"retry     a  {DIED}; again in 4 s" in capsys.readouterr().err


def test_a_run_of_a_lost_process_that_has_its_record_is_not_repeated(clock, make):
    launcher = FakeLauncher(clock, {"b": [DIE, "completed"], "c": [DIE, "completed"]}, fusing=FUSED)
    assert set(statuses(launcher, make("abcd")).values()) == {"completed"}
    assert starts(launcher) == ["abcd", "bc"]


def test_a_group_that_hangs_is_trained_one_by_one(clock, make):
    launcher = FakeLauncher(clock, every("abcd", HANG, "completed"), fusing=FUSED)
    assert set(statuses(launcher, make("abcd", heartbeat=10.0)).values()) == {"completed"}
    assert starts(launcher) == ["abcd", "a", "b", "c", "d"]


def test_the_heartbeat_of_one_run_is_that_of_its_group(clock, make):
    launcher = FakeLauncher(clock, {"a": [BEAT], "b": ["completed"]}, beats=100, fusing=FUSED)
    assert statuses(launcher, make("ab", heartbeat=1.0)) == {"a": "completed", "b": "completed"}
    assert starts(launcher) == ["ab"]


def test_a_group_may_take_the_sum_of_the_timeouts_of_its_runs(clock, make):
    launcher = FakeLauncher(clock, every("abc", HANG), fusing=FUSED)
    records = train(Grid(make("abc", timeout=50.0, retries=3)), lambda _: launcher)
    assert {record.status for record in records} == {"timeout"}
    assert records[0].reason == "took more than the timeouts of its 3 fused runs together, 150 seconds"
    assert 150 <= clock.now - launcher.starts[0][0] <= 152
    assert starts(launcher) == ["abc"]


@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_group_that_declines_is_trained_in_groups_of_the_size_that_it_specifies(clock, make, capsys, size):
    declined = {"reason": "single runs are faster", "size": size}
    launcher = FakeLauncher(clock, every("abcd", DECLINE, "completed"), fusing=FUSED, declined=declined)
    jobs = make("abcd")
    assert set(statuses(launcher, jobs).values()) == {"completed"}
    assert starts(launcher) == ["abcd", *("abcd" if size == 1 else ["ab", "cd"])]
    assert not any((job.folder / SINGLE).exists() for job in jobs)
    output = capsys.readouterr().err
    assert output.count("single runs are faster") == 1
    assert "retry" not in output


def test_only_the_runs_that_a_group_declines_are_started_again(clock, make):
    declined = {"reason": "out of memory", "size": 1}
    launcher = FakeLauncher(clock, every("bc", DECLINE, "completed"), fusing=FUSED, declined=declined)
    assert set(statuses(launcher, make("abc")).values()) == {"completed"}
    assert starts(launcher) == ["abc", "b", "c"]


def test_a_run_with_a_checkpoint_resumes_after_the_division_and_is_not_grouped_with_one_without(clock, make):
    jobs = make("abcdef")
    launcher = FakeLauncher(clock, every("abcdef", DIE, "completed"), fusing=FUSED)
    kept = [jobs[0], jobs[3]]
    launcher.on_wait = lambda: [(job.folder / CHECKPOINT).touch() for job in kept] if len(launcher.starts) == 1 else None
    assert set(statuses(launcher, jobs).values()) == {"completed"}
    assert starts(launcher) == ["abcdef", "ad", "bc", "ef"]
    assert all((job.folder / CHECKPOINT).exists() for job in kept)


def test_a_run_is_not_started_again_if_another_of_its_group_stops_the_sweep(clock, make, capsys):
    launcher = FakeLauncher(clock, {"a": [DIE, "completed"], "b": ["failed"]}, fusing=FUSED)
    assert statuses(launcher, make("ab", retries=1, on_error="stop")) == {"a": "crashed", "b": "failed"}
    assert starts(launcher) == ["ab"]
    assert "trained one by one:" not in capsys.readouterr().err


def test_a_signal_stops_a_group_and_no_run_is_started_again(clock, make):
    launcher, signals = FakeLauncher(clock, every("abc", HANG), fusing=FUSED), StopSignals()
    launcher.on_wait = lambda: setattr(signals, "count", int(clock.now >= 103))
    assert statuses(launcher, make("abc"), signals) == dict.fromkeys("abc", "interrupted")
    assert starts(launcher) == ["abc"]


def test_a_killed_command_with_a_group_leaves_runs_that_the_next_command_groups_again(clock, make):
    jobs = make("abc")
    prepare(jobs[0], JobDecision.START)
    (jobs[0].folder / SINGLE).touch()
    launcher = FakeLauncher(clock, fusing=FUSED)
    assert set(statuses(launcher, jobs).values()) == {"completed"}
    assert starts(launcher) == ["abc"]
    assert all((job.folder / RECORD).exists() for job in jobs)


def test_a_group_of_an_earlier_command_is_adopted(clock, make):
    jobs = make("abcd")
    launcher = FakeLauncher(clock, fusing=FUSED)
    launcher.left = [FakeAttempt(launcher, tuple(prepare(job, JobDecision.START) for job in jobs[:2]))]
    assert set(statuses(launcher, jobs).values()) == {"completed"}
    assert starts(launcher) == ["cd"]


def test_later_rounds_are_grouped_and_not_announced(clock, make, capsys):
    class Rounds(Grid):
        def ask(self):
            jobs, self.jobs = self.jobs[:2], self.jobs[2:]
            return jobs

    class Waiting(Rounds):
        """Proposes two runs at a time, the next ones when these have ended."""

        open = 0

        def ask(self):
            if self.open:
                return []
            found = super().ask()
            self.open = len(found)
            return found

        def tell(self, record):
            self.open -= 1

    launcher = FakeLauncher(clock, fusing=FUSED)
    records = train(Waiting(make("abcd")), lambda _: launcher)
    assert len(records) == 4
    assert starts(launcher) == ["ab", "cd"]
    assert capsys.readouterr().err.count("fused group (") == 1
