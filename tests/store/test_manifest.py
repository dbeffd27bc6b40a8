"""The manifest of a tuning sweep."""

from __future__ import annotations

from descentlab.store.manifest import MANIFEST, Arm, Manifest, Trial


def manifest() -> Manifest:
    trials = [Trial(0, {"optimizer.lr": 0.1}, ["a"], 0.5), Trial(1, {"optimizer.lr": 0.01}, ["b"], None, True, ["c"])]
    arm = Arm("sgd", "digits_mlp", "sgd", ["optimizer=sgd"], {"optimizer.lr": [0.001, 1]}, trials, 0, ["d", "e"], ["e"])
    return Manifest("sobol", "scipy 1.16", 0, [1000], [0, 1], [arm])


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    manifest().write(tmp_path)
    assert Manifest.read(tmp_path) == manifest()


def test_a_sweep_without_a_readable_manifest_has_none(tmp_path):
    assert Manifest.read(tmp_path) is None
    (tmp_path / MANIFEST).write_text('{"arms": [{"name": "sgd"}]}')
    assert Manifest.read(tmp_path) is None


def test_a_run_that_reports_and_is_the_default_reports():
    assert manifest().roles() == {"a": "trial", "b": "trial", "c": "trial", "e": "report", "d": "report"}
