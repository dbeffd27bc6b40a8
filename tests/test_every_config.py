"""Every shipped config file composes, resolves, passes validation and can be instantiated."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT, compose_config, options
from hydra.utils import instantiate

from descentlab.config.machine import beyond_this_machine, has_gpu
from descentlab.config.shape import NAMED_PARTS, named_parts
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.launchers.checks.signatures import GROUPS, Call, check
from descentlab.training.callbacks import make_callbacks

EVERY = [
    (group, option)
    for group in ("problem", *GROUPS, "trainer", "logger", "debug", "diagnostics", "callbacks")
    for option in options(group)
]
EVERY = [(group, option) for group, option in EVERY if option != "custom"]  # its class is not set
WITHOUT_PROBLEM = {  # options that no problem has by default, and the overrides that they need
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
    "model=context_mlp": ["problem=shakespeare_lstm"],
    "baseline=popularity": ["problem=movielens_bpr"],
    "baseline=rating_biases": ["problem=movielens_mf"],
    **{f"baseline={name}": ["problem=diabetes_linear"] for name in ("normal_equation", "least_squares", "ridge")},
}


def fitting(chosen: str) -> list[str]:
    """Return the overrides that `chosen` needs: a problem that has it by default, if there is one."""
    group, _, option = chosen.partition("=")
    for problem in options("problem"):
        defaults = yaml.safe_load((ROOT / "conf" / "problem" / f"{problem}.yaml").read_text())["defaults"]
        if {f"override /{group}": option} in defaults:
            return [f"problem={problem}"]
    return WITHOUT_PROBLEM.get(chosen, [])


@pytest.mark.parametrize(("group", "option"), EVERY, ids=[f"{group}={option}" for group, option in EVERY])
def test_config_is_valid_and_can_be_instantiated(group, option):
    chosen = f"{group}={option}"
    config, _, mistakes = compose_config(*fitting(chosen), chosen)
    assert not [mistake for mistake in mistakes if "no such file" not in mistake]  # some are fetched by hand
    for name in GROUPS:
        assert config[name] is None or check(Call.of(name, config[name])) == []
    for name in NAMED_PARTS:
        assert all(check(Call.of(f"{name}.{key}", part)) == [] for key, part in named_parts(config, name).items())
    assert len(make_callbacks(config)) == len(config["callbacks"])
    assert conflicts(config) == []
    if None not in config["model"].values():  # otherwise the shape is inferred from the data
        instantiate(config["model"], _convert_="all")
    instantiate(config["schedule"], _convert_="all")


def test_trainer_config_for_a_gpu_is_refused_without_a_gpu():
    config, _, mistakes = compose_config("trainer=gpu")
    assert not mistakes
    required = [message for message in beyond_this_machine(config) if "GPU" in message]
    assert required == [] if has_gpu() else ["trainer.accelerator=gpu: no GPU is visible on this machine; use trainer=cpu"]


@pytest.mark.parametrize("problem", options("problem"))
def test_problem_files_set_no_keys_of_data_model_or_task(problem):
    """Otherwise problem=... model=other would apply settings of the problem's model to the other one."""
    content = yaml.safe_load((ROOT / "conf" / "problem" / f"{problem}.yaml").read_text())
    own = {"batch_size", "budget", "noise", "project", "stop", "target", "validate_every", "log_every"}
    assert set(content) <= {"defaults", *own}
