"""Artifacts of a run: an exception in them does not affect its result."""

from __future__ import annotations

from descentlab.tasks.classification import Classification


class FailingArtifacts(Classification):
    """Classification whose artifacts raise an exception."""

    def artifacts(self, batch):
        raise RuntimeError("drawing failed")


def test_run_keeps_its_result_if_artifacts_fail(train, capsys):
    words = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=5")
    run = train(*words, "task._target_=tasks.test_artifacts.FailingArtifacts")
    assert run.record.status == "completed"
    assert run.record.summary["test"] == train(*words, "sweep=plain").record.summary["test"]
    assert run.record.summary["exhibits"] == {"error": "RuntimeError: drawing failed"}
    assert capsys.readouterr().err.count("images and texts are left out") == 1
