"""Writing of W&B runs after training, from the files of the runs."""

from __future__ import annotations

import pytest
from conftest import AtPoint
from support.wandb_file import offline_runs, wandb_records

from descentlab.run import main
from descentlab.store.alert import alerts_of
from descentlab.store.interruption import Interruption
from descentlab.store.record import TRACKED, Record
from descentlab.tracking import mark
from descentlab.tracking.ended import write_ended

pytestmark = pytest.mark.usefixtures("no_credentials")
WORDS = ("logger=wandb", "budget.epochs=null", "budget.steps=20", "validate_every=10")


def written(folder):
    """Write the run in `folder`, and return the records of the only W&B run of its sweep."""
    write_ended(folder)
    (run,) = offline_runs(folder.parent)
    return wandb_records(next(run.glob("*.wandb")))


@pytest.mark.slow
def test_an_offline_run_is_written_once_and_not_while_it_trains(job):
    made = job(*WORDS)
    assert main(made.folder, Interruption()) == 0
    assert not offline_runs(made.folder.parent)
    before = (made.folder / "record.json").read_bytes()
    assert written(made.folder)["exit"][0]["exit_code"] == 0
    (run,) = offline_runs(made.folder.parent)
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    write_ended(made.folder)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == files
    assert (made.folder / "record.json").read_bytes() == before


def test_images_and_texts_are_in_the_summary(job):
    made = job(*WORDS, "problem=digits_autoencoder")
    main(made.folder, Interruption())
    updates = [each["update"] for each in written(made.folder)["summary"] if "update" in each]
    (shown,) = [each["exhibits/reconstructions"] for each in updates if "exhibits/reconstructions" in each]
    assert shown["_type"] == "image-file"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [(("optimizer.lr=1e6",), "diverged", 0), (("optimizer=sgd", "optimizer.nesterov=true"), "failed", 1)],
)
def test_the_exit_code_and_the_status_are_those_of_the_run(job, words, status, code):
    made = job(*WORDS, *words)
    main(made.folder, Interruption())
    assert Record.read(made.folder).status == status
    logged = written(made.folder)
    assert [each["exit_code"] for each in logged["exit"]] == [code]
    statuses = [each["update"]["status"] for each in logged["summary"] if "status" in each.get("update", {})]
    assert statuses == [status] * (code == 0)


def test_alerts_are_alerts_of_the_run(job):
    made = job(*WORDS, "optimizer=sgd", "model.hidden=[64,64,64,64,64,64,64,64]", "model.activation=sigmoid")
    main(made.folder, Interruption())
    found = alerts_of(Record.read(made.folder).summary)
    assert "vanishing" in [alert.rule for alert in found]
    logged = written(made.folder)["alert"]
    assert [each["text"] for each in logged] == [str(alert) for alert in found]
    assert logged[0]["title"] == f"{found[0].rule} at step {found[0].step}"


@pytest.mark.slow
def test_an_interrupted_run_is_written_and_replaced_when_it_is_resumed(job):
    made = job(*WORDS, "checkpoint.every=0")
    main(made.folder, AtPoint(2))
    assert Record.read(made.folder).status == "interrupted"
    assert [each["exit_code"] for each in written(made.folder)["exit"]] == [1]
    assert main(made.folder, Interruption()) == 0
    assert not (made.folder / TRACKED).exists(), "it is to be written again"
    logged = written(made.folder)
    assert [each["exit_code"] for each in logged["exit"]] == [0]
    assert [row["item"]["x/step"] for row in logged["history"]][-1] == 20


def test_a_run_that_was_logged_while_it_trained_is_not_written_again(job):
    made = job(*WORDS, "logger.live=true")
    main(made.folder, Interruption())
    assert len(offline_runs(made.folder.parent)) == 1
    assert not mark.is_unwritten(Record.read(made.folder), made.folder)


def test_a_run_without_a_logger_or_without_curves_is_not_tracked(job):
    made = job("logger=none", *WORDS[1:])
    main(made.folder, Interruption())
    assert not mark.is_unwritten(Record.read(made.folder), made.folder)
    made = job(*WORDS, "sweep=broken", "data.limit=1")
    made.config["data"]["_target_"] = "descentlab.no.such.Data"
    made.save()
    main(made.folder, Interruption())
    assert Record.read(made.folder).status == "failed"
    assert not mark.is_unwritten(Record.read(made.folder), made.folder)


def test_an_error_is_in_the_mark_until_the_run_is_written(job):
    made = job(*WORDS)
    main(made.folder, Interruption())
    before = (made.folder / "record.json").read_bytes()
    (made.folder.parent / "wandb").write_text("in the way")
    write_ended(made.folder)
    assert mark.error_of(made.folder).startswith("FileExistsError")
    (made.folder.parent / "wandb").unlink()
    assert written(made.folder)["exit"][0]["exit_code"] == 0
    assert not mark.error_of(made.folder)
    assert (made.folder / "record.json").read_bytes() == before
