"""The decision about a run depends on the files of earlier commands, and has a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from descentlab.store import provenance
from descentlab.store.record import CHECKPOINT, CONFIG, FAULT, LOG, PROGRESS, RECORD, STOP_REQUEST, Record, Status
from descentlab.sweeps.past import REPLACED, JobDecision, decide, finished_since, prepare, read_record

FAULTS = [Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.INTERRUPTED]
RESULTS = [Status.COMPLETED, Status.DIVERGED]


@pytest.fixture
def fresh(job):
    """A job without a folder."""
    made = job("optimizer=sgd")
    (made.folder / CONFIG).unlink()
    made.folder.rmdir()
    return made


def left(job, status: Status | None = None, checkpoint: bool = False, **of_record):
    """Leave the files of an attempt: its config, and optionally a record and a checkpoint."""
    ready = prepare(job, JobDecision.START)
    if status is not None:
        record = replace(ready.record(status, "so"), versions=provenance.origin(job.config), **of_record)
        record.write(job.folder)
    if checkpoint:
        (job.folder / CHECKPOINT).write_bytes(b"all that it needs")
    return ready


def other(origin: dict[str, str], name: str) -> dict[str, str]:
    return {**origin, name: "another"}


def test_a_job_without_a_folder_is_started(fresh):
    assert decide(fresh) == (JobDecision.START, "")


@pytest.mark.parametrize("status", RESULTS)
def test_a_result_is_reused(fresh, status):
    left(fresh, status)
    assert decide(fresh) == (JobDecision.REUSE, status)


def test_a_result_without_the_probes_and_rules_of_the_command_is_reused_with_that_reason(job):
    left(job("optimizer=sgd", "diagnostics=light", "~alerts.vanishing"), Status.COMPLETED)
    assert decide(job("optimizer=sgd", "diagnostics=none", "alerts=none")) == (JobDecision.REUSE, "completed")
    wanted = "completed without the probes accuracy and the alert rules vanishing"
    assert decide(job("optimizer=sgd", "diagnostics=[light,accuracy]")) == (JobDecision.REUSE, wanted)


@pytest.mark.parametrize("status", RESULTS)
@pytest.mark.parametrize("name", ["descentlab (source)", "torch", "python"])
def test_a_result_of_other_code_or_versions_is_replaced_with_the_reason(fresh, status, name):
    left(fresh, status)
    record = read_record(fresh.folder)
    replace(record, versions=other(provenance.origin(fresh.config), name)).write(fresh.folder)
    assert decide(fresh) == (JobDecision.REPLACE, f"trained with other {name}")


def test_the_source_of_a_user_callback_is_part_of_the_origin(tmp_path, monkeypatch):
    (tmp_path / "callbacks_of_mine.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(tmp_path)
    config = {"model": {"_target_": "descentlab.models.mlp.MLP"}, "callbacks": {"a": {"_target_": "callbacks_of_mine.A"}}}
    provenance._module.cache_clear()
    before = provenance.origin(config)
    assert "callbacks_of_mine (source)" in before
    (tmp_path / "callbacks_of_mine.py").write_text("VALUE = 2")
    provenance._module.cache_clear()
    assert provenance.origin(config) != before


def test_all_differences_are_named(fresh):
    left(fresh, Status.COMPLETED)
    record = read_record(fresh.folder)
    record.versions.pop("numpy")
    record.versions["gone"] = "1.0"
    replace(record, versions=other(record.versions, "torch")).write(fresh.folder)
    assert decide(fresh) == (JobDecision.REPLACE, "trained with other gone, numpy, torch")


@pytest.mark.parametrize("status", FAULTS)
def test_a_fault_with_a_checkpoint_is_resumed(fresh, status):
    left(fresh, status, checkpoint=True)
    assert decide(fresh) == (JobDecision.RESUME, status)


@pytest.mark.parametrize("status", FAULTS)
def test_a_fault_without_a_checkpoint_is_rerun(fresh, status):
    left(fresh, status)
    assert decide(fresh) == (JobDecision.RERUN, status)


@pytest.mark.parametrize("name", ["descentlab (source)", "torch"])
def test_a_checkpoint_of_other_code_is_not_resumed(fresh, name):
    ready = left(fresh, Status.INTERRUPTED, checkpoint=True)
    replace(ready, origin=other(ready.origin, name)).save()
    assert decide(fresh)[0] is JobDecision.RERUN


@pytest.mark.parametrize(("checkpoint", "decision"), [(True, JobDecision.RESUME), (False, JobDecision.RERUN)])
def test_a_run_without_a_record_is_reported_as_cut_off(fresh, checkpoint, decision):
    left(fresh, checkpoint=checkpoint)
    assert decide(fresh) == (decision, "cut off")


@pytest.mark.parametrize("status", [*RESULTS, *FAULTS, None])
def test_rerun_reruns_results_and_faults(fresh, status):
    left(fresh, status, checkpoint=True)
    assert decide(replace(fresh, config={**fresh.config, "rerun": True})) == (JobDecision.RERUN, "rerun=true")


def test_rerun_of_a_job_that_never_ran_starts_it(fresh):
    assert decide(replace(fresh, config={**fresh.config, "rerun": True})) == (JobDecision.START, "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 1}', '{"schema": 99}', '{"status": "completed"}', "\x00\xff"]
)
@pytest.mark.parametrize(("checkpoint", "decision"), [(True, JobDecision.RESUME), (False, JobDecision.RERUN)])
def test_an_unreadable_record_counts_as_none(fresh, text, checkpoint, decision):
    left(fresh, Status.COMPLETED, checkpoint=checkpoint)
    (fresh.folder / RECORD).write_bytes(text.encode("latin-1"))
    assert decide(fresh) == (decision, "cut off")


@pytest.mark.parametrize("text", ["", "{", "a: [", "run: 3", "run: {id: 1}", "- list", "\x00"])
def test_a_checkpoint_whose_config_is_unreadable_is_not_resumed(fresh, text):
    left(fresh, Status.CRASHED, checkpoint=True)
    (fresh.folder / CONFIG).write_text(text)
    assert decide(fresh) == (JobDecision.RERUN, "crashed")


@pytest.mark.parametrize("name", [RECORD, CONFIG])
def test_a_folder_in_place_of_a_file_causes_no_exception(fresh, name):
    left(fresh, Status.COMPLETED)
    (fresh.folder / name).unlink()
    (fresh.folder / name).mkdir()
    assert decide(fresh)[0] in (JobDecision.RERUN, JobDecision.REUSE)


@pytest.fixture
def mine(monkeypatch, tmp_path):
    """A user's module outside of the package; its cached hash is cleared at the end."""
    path = tmp_path / "mine_of_test_past.py"
    path.write_text("class Sgd: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    provenance._module.cache_clear()


def test_a_result_of_a_users_module_that_changed_is_not_reused(fresh, mine):
    optimizer = {**fresh.config["optimizer"], "_target_": "mine_of_test_past.Sgd"}
    given = replace(fresh, config={**fresh.config, "optimizer": optimizer})
    left(given, Status.COMPLETED, checkpoint=True)
    assert decide(given) == (JobDecision.REUSE, "completed")
    mine.write_text("class Sgd: 'now something else'\n")
    provenance._module.cache_clear()
    assert decide(given) == (JobDecision.REPLACE, "trained with other mine_of_test_past (source)")
    left(given, Status.INTERRUPTED, checkpoint=True)
    assert decide(given)[0] is JobDecision.RESUME
    mine.write_text("class Sgd: 'and again'\n")
    provenance._module.cache_clear()
    assert decide(given)[0] is JobDecision.RERUN


def test_a_resumed_attempt_is_counted_and_keeps_the_checkpoint_curves_and_log(fresh):
    left(fresh, Status.CRASHED, checkpoint=True)
    for name in (FAULT, PROGRESS, STOP_REQUEST, LOG, "curves.jsonl"):
        (fresh.folder / name).write_text("of the last attempt")
    ready = prepare(fresh, JobDecision.RESUME)
    assert ready.attempt == 2
    assert ready.origin == provenance.origin(fresh.config)
    assert {path.name for path in fresh.folder.iterdir()} == {CONFIG, CHECKPOINT, LOG, "curves.jsonl"}
    assert prepare(fresh, JobDecision.RESUME).attempt == 3


def test_a_rerun_attempt_is_counted_and_has_an_empty_folder(fresh):
    left(fresh, Status.CRASHED, checkpoint=True)
    prepare(fresh, JobDecision.RESUME)
    (fresh.folder / LOG).write_text("of the last attempt")
    assert prepare(fresh, JobDecision.RERUN).attempt == 3
    assert {path.name for path in fresh.folder.iterdir()} == {CONFIG}
    assert not (fresh.folder.parent / REPLACED).exists(), "there was no result to keep"


def test_half_written_files_of_the_last_attempt_are_removed(fresh):
    left(fresh, Status.CRASHED, checkpoint=True)
    for name in (".record.json.123", ".last.ckpt", ".curves.parquet"):
        (fresh.folder / name).write_text("half of")
    prepare(fresh, JobDecision.RESUME)
    assert {path.name for path in fresh.folder.iterdir()} == {CONFIG, CHECKPOINT}


@pytest.mark.parametrize("status", RESULTS)
def test_only_the_last_replaced_result_is_kept(fresh, status):
    kept = fresh.folder.parent / REPLACED / fresh.name
    for number in (1, 2):
        left(fresh, status, attempt=number)
        assert prepare(fresh, JobDecision.RERUN).attempt == 1, "attempts are counted since the last result"
        assert Record.read(kept).attempt == number
        assert read_record(fresh.folder) is None
    assert [path.name for path in kept.parent.iterdir()] == [fresh.name]


@pytest.mark.parametrize("decision", [JobDecision.START, JobDecision.RESUME, JobDecision.RERUN])
def test_a_result_that_was_written_after_the_decision_is_reused(fresh, decision):
    assert finished_since(fresh, decision) is None
    left(fresh, Status.COMPLETED)
    assert finished_since(fresh, decision) == read_record(fresh.folder)


def test_a_result_that_is_to_be_replaced_is_not_reused(fresh):
    left(fresh, Status.COMPLETED)
    assert finished_since(fresh, JobDecision.REPLACE) is None
    assert finished_since(replace(fresh, config={**fresh.config, "rerun": True}), JobDecision.RERUN) is None
