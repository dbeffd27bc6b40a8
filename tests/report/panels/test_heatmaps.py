"""The heatmaps of two swept numbers."""

from __future__ import annotations

from descentlab.store.record import Status

TITLE = "Best validation accuracy by two settings"
SCORES = {(0.01, 32): 0.5, (0.1, 32): 0.9, (0.01, 128): 0.4, (0.1, 128): 0.7}


def write_grid(make_run):
    for (lr, batch), score in SCORES.items():
        make_run(lr=lr, config={"batch_size": batch}, summary={"best_valid": score})


def test_each_cell_has_the_mean_of_its_series_and_the_selected_ones_a_star(make_run, draw):
    write_grid(make_run)
    (trace,) = draw()[TITLE].traces
    assert trace["x"] == ["0.01", "0.1"]
    assert trace["y"] == ["32", "128"]
    assert trace["text"] == [["0.5", "★<br>0.9"], ["0.4", "★<br>0.7"]]
    assert trace["z"][0][1] == 1.0
    assert trace["z"][1][0] == 0.0


def test_a_cell_without_a_completed_run_is_grey_and_names_the_divergence(make_run, draw):
    write_grid(make_run)
    for batch in (32, 128):
        make_run(lr=1.0, config={"batch_size": batch}, status=Status.DIVERGED, summary={"diverged_step": 3, "best_valid": None})
    values, lost = draw()[TITLE].traces
    assert [row[2] for row in values["z"]] == [None, None]
    assert [row[2] for row in lost["text"]] == ["1/1 ✕", "1/1 ✕"]
    assert lost["text"][0][:2] == ["", ""]
    assert "diverged at step 3" in lost["customdata"][0][2]


def test_settings_that_form_no_grid_have_no_heatmap(make_run, draw):
    for lr, batch in ((0.1, 32), (0.01, 64), (0.001, 128), (0.3, 256)):
        make_run(lr=lr, config={"batch_size": batch})
    assert TITLE not in draw()


def test_lower_losses_are_brighter_on_a_logarithmic_scale(make_run, draw):
    loss = {"task": {"monitor": "loss", "mode": "min"}}
    for (lr, batch), score in zip(SCORES, (1.0, 0.01, 0.1, 0.1), strict=True):
        make_run(lr=lr, config={"batch_size": batch, **loss}, summary={"best_valid": score, "monitor": "loss", "mode": "min"})
    (trace,) = draw()["Best validation loss by two settings"].traces
    assert [[round(share, 3) for share in row] for row in trace["z"]] == [[0.0, 1.0], [0.5, 0.5]]
