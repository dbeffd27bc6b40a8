"""Pictures and texts of what was learnt: a fault in them leaves the run its result."""

from __future__ import annotations

from descentlab.tasks.classification import Classification


class Unshowable(Classification):
    """Digits of which there is nothing to show."""

    def exhibits(self, batch):
        raise RuntimeError("there is no picture")


def test_a_run_without_its_pictures_keeps_its_result(train, capsys):
    words = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=5")
    run = train(*words, "task._target_=tasks.test_exhibits.Unshowable")
    assert run.record.status == "completed"
    assert run.record.summary["test"] == train(*words, "sweep=plain").record.summary["test"]
    assert run.record.summary["exhibits"] == {"error": "RuntimeError: there is no picture"}
    assert capsys.readouterr().err.count("images and texts are left out") == 1
