"""The panel of trajectories on a test function."""

from __future__ import annotations

import json

AXES = ("step", "examples", "epoch", "gradient_evaluations", "train_seconds")
TITLE = "Trajectories on the surface (stars: minima)"


def test_trajectories_are_drawn_if_a_run_left_a_surface(make_run, draw):
    points = [{"train/loss": 1.0, "train/x": 0.5 * step, "train/y": 1.0} for step in range(3)]
    run = make_run(curves=[dict.fromkeys(AXES, float(step)) | points[step] for step in range(3)])
    assert TITLE not in draw()
    (run.folder / "exhibits").mkdir()
    surface = {"axis": [-1, 0, 1], "height": [[0.0] * 3] * 3, "minima": [[0, 1]]}
    (run.folder / "exhibits" / "surface.json").write_text(json.dumps(surface))
    figure = draw()[TITLE]
    assert figure.plane == (-1, 1)
    assert [trace["x"] for trace in figure.traces] == [[-1, 0, 1], [0.0, 0.5, 1.0], [0]]
