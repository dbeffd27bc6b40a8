"""Blocks of stacked runs of real commands: every problem that fits in memory, and 200 steps in single precision."""

from __future__ import annotations

import pytest
import torch
from support.problems import missing, text, trainable
from support.stacked import assert_equal, member_of

pytestmark = pytest.mark.slow
DETECTORS = {"fashion_scenes_detector", "neon_trees_detector"}  # the targets of their batches are not tensors
STEPS = {"mslr_sample_linear": 1, "mslr_sample_ranker": 1, "fashion_mnist_vae": 2, "fashion_mnist_resnet": 2}
STEPS |= {"shakespeare_gpt": 2, "shakespeare_lstm": 3, "orl_faces_recognition": 2}


@pytest.mark.parametrize("problem", [each for each in trainable() if each not in DETECTORS])
def test_every_problem(problem):
    if data := missing(problem):
        pytest.skip(f"the data have not been fetched: python scripts/data.py fetch {data}")
    words = (f"problem={problem}", f"batch_size={'full' if 'data: exact' in text(problem) else 4}")

    def make():
        runs = [("optimizer=momentum", f"optimizer.lr={1e-3 * 2**run}", f"seed={run}", "data_seed=0") for run in range(2)]
        return [member_of(words, *run, steps=STEPS.get(problem, 5)) for run in runs]

    assert_equal(make, shared=True, rel=1e-9)


IMAGES = ("problem=digits_mlp", "batch_size=4", "model.activation=leaky_relu", "model.residual=true")
DIGITS = ("problem=digits_mlp", "batch_size=4")
TEXT = ("problem=shakespeare_gpt", "batch_size=2", "data.length=8", "model.width=8", "model.layers=2", "model.heads=2")
VARIANTS = [
    (*IMAGES, "model=cnn_2c2d", "model.norm=layer"),
    (*IMAGES, "model=cnn_2c2d", "model.norm=group", "model.init=residual", "model.dropout=0.2"),
    (*IMAGES, "model=resnet8", "model.norm=none", "model.init=zero-last", "model.width=8"),
    (*IMAGES, "model=wide_resnet", "model.depth=10", "model.widen=1", "model.init=orthogonal"),
    (*TEXT, "model.norm=rms", "model.norm_position=post", "model.qk_norm=true"),
    (*TEXT, "model.residual=false", "model.activation=silu", "model.init=orthogonal"),
    (*DIGITS, "model.activation=tanh", "model.bias=false", "model.weight_norm=gain", "task.loss_dtype=float64"),
    (*DIGITS, "model.activation=tanh", "model.init=sparse", "model.parametrization=mup_sgd", "model.base_width=8"),
    (*DIGITS, "model=linearized_mlp", "model.parametrization=ntk", "model.init=he"),
    ("problem=temporal_order", "batch_size=2", "model=rnn", "model.cell=linear", "model.layers=2", "model.init_radius=1"),
    ("problem=shakespeare_lstm", "batch_size=2", "data.length=8", "model=context_mlp", "model.init=lecun"),
]


@pytest.mark.parametrize("words", VARIANTS, ids=lambda words: "_".join(each.partition("=")[2] for each in words[4:]))
def test_variants_of_networks_with_adaptive_clipping_noise_and_the_loss_of_the_normalizer(words):
    words = (*words, "clip.adaptive=0.05", "noise.std=0.01", "task.z_loss=0.01", "optimizer=momentum")

    def make():
        return [member_of(words, f"optimizer.lr={1e-3 * 2**run}", f"seed={run}", "data_seed=0", steps=4) for run in range(2)]

    assert_equal(make, shared=True, rel=1e-9)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=adam", "schedule=cosine", "clip.norm=1"),
        ("optimizer=adam", "clip.adaptive=0.05", "noise.std=0.01", "task.z_loss=1e-3"),
        ("optimizer=momentum", "optimizer.lr=0.01", "schedule=one_cycle", "average.kind=ema"),
        ("optimizer=adamw", "optimizer.lr=1e-3", "optimizer.weight_decay=0", "decay.rate=0.01", "schedule=warmup_stable_decay"),
        ("optimizer=schedulefree_adamw",),
        ("optimizer=adafactor",),
        ("optimizer=nadam",),
        ("optimizer=rmsprop", "optimizer.lr=1e-3", "average.kind=swa", "average.start=0.5"),
        ("optimizer=scratch/muon", "optimizer.ns_dtype=float32", "model.dropout=0.2"),
    ],
)
def test_two_hundred_steps_in_single_precision(words, shared):
    data = ("problem=digits_mlp", "batch_size=8", "data.drop_last=true")

    def make():
        runs = [(f"seed={run}", f"data_seed={run * (not shared)}") for run in range(3)]
        return [member_of(data, "model.hidden=[16]", *words, *run, steps=200, dtype=torch.float32) for run in runs]

    assert_equal(make, shared=shared, rel=1e-4)
