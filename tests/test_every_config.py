"""Every shipped config composes, resolves, passes validation and can be instantiated; problems say what they cost."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT, compose_config, options
from hydra.utils import instantiate

from descentlab.config.shape import NAMED_PARTS
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.launchers.checks.signatures import GROUPS, Call, check
from descentlab.training.callbacks import make_callbacks

EVERY = [
    (group, option)
    for group in ("problem", *GROUPS, "trainer", "logger", "debug", "diagnostics", "callbacks")
    for option in options(group)
]
EVERY = [(group, option) for group, option in EVERY if option != "custom"]  # which names no class
WITHOUT_PROBLEM = {  # options that no problem names by default, and what goes with them
    "data=csv": [f"data.path={ROOT}/README.md", "data.target=y", "model=linear", "task=regression"],
    "data=hub": ["data.hub=owner/name", "data.target=y", "model=linear", "task=regression"],
    "data=image_folder": ["data.path=images", "model=cnn_2c2d", "task=classification"],
    "data=lending_club": ["problem=german_credit_mlp"],
    "data=breast_mnist": ["problem=pneumonia_cnn"],
    "baseline=pca": ["problem=digits_autoencoder"],
    "baseline=eigenfaces": ["problem=orl_faces_recognition"],
    "task=faces_softmax": ["problem=orl_faces_recognition"],
    "task=triplet": ["problem=orl_faces_recognition", "model=face_embedding"],
    "model=face_embedding": ["problem=orl_faces_recognition", "task=triplet"],
    "task=binary": ["problem=breast_cancer_logistic"],
    "task=fraud_focal": ["problem=protein_homology_mlp"],
    "task=ranknet": ["problem=mslr_sample_ranker"],
    "task=listnet": ["problem=mslr_sample_ranker"],
    "task=approx_ndcg": ["problem=mslr_sample_ranker"],
    "baseline=best_feature": ["problem=mslr_sample_ranker"],
    "baseline=pointwise_boosting": ["problem=mslr_sample_ranker"],
    "model=rnn": ["problem=temporal_order"],
    "model=lstm": ["problem=temporal_order"],
    "baseline=popularity": ["problem=movielens_bpr"],
    "baseline=rating_biases": ["problem=movielens_mf"],
    **{f"baseline={name}": ["problem=diabetes_linear"] for name in ("normal_equation", "least_squares", "ridge")},
}


def fitting(chosen: str) -> list[str]:
    """A problem that `chosen` goes with: one that has it by default."""
    group, _, option = chosen.partition("=")
    for problem in options("problem"):
        defaults = yaml.safe_load((ROOT / "conf" / "problem" / f"{problem}.yaml").read_text())["defaults"]
        if {f"override /{group}": option} in defaults:
            return [f"problem={problem}"]
    return WITHOUT_PROBLEM.get(chosen, [])


@pytest.mark.parametrize(("group", "option"), EVERY, ids=[f"{group}={option}" for group, option in EVERY])
def test_config(group, option):
    chosen = f"{group}={option}"
    config, _, mistakes = compose_config(*fitting(chosen), chosen)
    if chosen == "trainer=gpu":  # refused, with a reason, where there is none
        assert not mistakes or "no GPU" in mistakes[0]
        return
    assert not [
        mistake for mistake in mistakes if "there is no such file" not in mistake
    ]  # some are to be put in place by hand
    for name in GROUPS:
        assert config[name] is None or check(Call.of(name, config[name])) == []
    for name in NAMED_PARTS:
        assert all(check(Call.of(f"{name}.{key}", part)) == [] for key, part in config[name].items())
    assert len(make_callbacks(config)) == len(config["callbacks"])
    assert conflicts(config) == []
    if None not in config["model"].values():  # else its shape is read off the data
        instantiate(config["model"], _convert_="all")
    instantiate(config["schedule"], _convert_="all")


@pytest.mark.parametrize("problem", options("problem"))
def test_a_problem_sets_no_part_of_a_part(problem):
    """Else problem=... model=other would hand the problem's settings for its own model to the other one."""
    content = yaml.safe_load((ROOT / "conf" / "problem" / f"{problem}.yaml").read_text())
    assert set(content) <= {"defaults", "batch_size", "budget", "target", "validate_every", "log_every"}
