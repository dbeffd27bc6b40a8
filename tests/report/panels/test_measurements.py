"""The panel of the curves that no other panel shows."""

from __future__ import annotations

from descentlab.report.page import build

TITLE = "Further measurements"


def rows(**values):
    axes = {"examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0, "epoch": 0.0}
    return [{"step": step, **axes, "train/loss": 1.0, **values} for step in (0, 10, 20)]


def test_each_curve_without_a_panel_is_drawn_behind_a_fold(make_run, draw, tmp_path):
    curves = rows(**{"valid/f1": 0.5, "train/alignment": -0.1, "train/grad_norm": 1.0, "valid/accuracy": 0.9})
    make_run(curves=curves)
    fold = draw()[TITLE]
    assert [figure.title for figure in fold.figures] == ["Validation f1", "Training alignment"]
    assert [figure.column for figure in fold.figures] == ["valid/f1", "train/alignment"]
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert text.index("<details") < text.index("<h3>Validation f1</h3>")


def test_without_further_curves_there_is_no_fold(make_run, draw):
    make_run()
    assert TITLE not in draw()
