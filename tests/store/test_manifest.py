"""The manifest of a tuning sweep."""

from __future__ import annotations

import pytest

from descentlab.errors import UsageError
from descentlab.store.manifest import MANIFEST, Arm, Manifest, Membership, Trial, memberships


def manifest() -> Manifest:
    trials = [Trial(0, {"optimizer.lr": 0.1}, ["a"], 0.5), Trial(1, {"optimizer.lr": 0.01}, ["b"], None, True, ["c"])]
    arm = Arm("sgd", "digits_mlp", "sgd", ["optimizer=sgd"], {"optimizer.lr": [0.001, 1]}, trials, 0, ["d", "e"], ["e"])
    return Manifest("sobol", "scipy 1.16", 0, [1000], [0, 1], [arm])


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    manifest().write(tmp_path)
    assert Manifest.read(tmp_path) == manifest()


def test_a_sweep_that_was_not_tuned_has_no_manifest(tmp_path):
    assert Manifest.read(tmp_path) is None


@pytest.mark.parametrize("text", ['{"arms": [{"name": "sgd"}]}', "{", '{"arms": [], "new": 1}'])
def test_a_manifest_that_cannot_be_read_is_reported_and_not_overwritten(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match=r"tuning\.json cannot be read"):
        Manifest.read(tmp_path)


def test_a_run_that_reports_and_is_the_default_reports():
    roles = {id: member.role for id, member in memberships([manifest()]).items()}
    assert roles == {"a": "trial", "b": "trial", "c": "trial", "e": "report", "d": "report"}


def test_a_run_that_reports_in_one_arm_and_is_the_default_of_another_reports():
    first = Arm("adam", "digits_mlp", "adam", report=["r"])
    other = Arm("adam2", "digits_mlp", "adam2", default=["r"], superseded=["r"])
    for arms in ([[first, other]], [[first], [other]], [[other], [first]]):  # of one sweep, or of two
        manifests = [Manifest("sobol", "scipy 1.16", 0, [1000], [0], each) for each in arms]
        assert memberships(manifests) == {"r": Membership("report", "adam")}
