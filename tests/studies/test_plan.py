"""The plan of a study, fixed before the first run, and what deviates from it later."""

from __future__ import annotations

from descentlab.store.verdict import keep_plan, plan_hash
from descentlab.studies.plan import deviations, plan_of
from descentlab.studies.study import read_study

CHECK = {"check": "ratio", "quantity": "train/loss@end", "arms": ["adam", "sgd"], "at_most": 0.9}
NODE = {"source": "s", "claim": "c", "shows": "d", "arms": {"adam": ["optimizer=adam"], "sgd": ["optimizer=sgd"]}}


def plan(**changes):
    return plan_of(read_study("x", {**NODE, "checks": [CHECK], **changes}))


def test_a_plan_does_not_depend_on_texts_that_decide_nothing():
    assert plan_hash(plan()) == plan_hash(plan(shows="other words", cost=7))


def test_what_changed_since_the_plan_is_named():
    later = plan(checks=[{**CHECK, "at_most": 1.5}], seeds={"report": 9})
    assert list(deviations(plan(), plan())) == []
    assert list(deviations(plan(), later)) == [
        'seeds was {"report": 1, "select": 1} in the plan, and is {"report": 9, "select": 1}',
        'this check was not planned: {"arms": ["adam", "sgd"], "at_most": 1.5, "check": "ratio", "quantity": "train/loss@end"}',
        "this planned check was left out: "
        '{"arms": ["adam", "sgd"], "at_most": 0.9, "check": "ratio", "quantity": "train/loss@end"}',
    ]


def test_the_first_plan_is_kept(tmp_path):
    assert keep_plan(tmp_path, plan()) == plan()
    assert keep_plan(tmp_path, plan(seeds={"report": 9})) == plan()
