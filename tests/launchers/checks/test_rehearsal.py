"""The rehearsal before the start constructs each run, takes a step, and reports errors with their own text."""

from __future__ import annotations

import pytest
from conftest import ROOT, compose_config, every_optimizer, options

from descentlab.launchers.checks.rehearsal import Rehearsals
from descentlab.launchers.checks.structure import structure_of
from descentlab.launchers.preflight import check_in_process
from descentlab.launchers.server import fork_server
from descentlab.sweeps.plan import plan_jobs

NEEDS_FETCHING = ("cifar10", "cifar100", "svhn", "imagenet", "pneumonia", "creditcard", "tiny_shakespeare", "wikitext2", "owt")


def mine(name: str) -> str:
    return f"support.odd_parts.{name}"


def own_data(how: str) -> str:
    facts = "num_features: 64, num_classes: 10, num_outputs: 10, image_shape: [1, 8, 8]"
    return f"+data={{_target_: {mine('Misaligned')}, how: '{how}', test_fraction: 0.2, valid_fraction: 0.15, {facts}}}"


def own_model(name: str) -> list[str]:
    shape = "num_features: ${data.num_features}, num_outputs: ${data.num_outputs}"
    return ["~model", f"+model={{_target_: {mine(name)}, {shape}}}"]


OWN_DATA = [
    f"data._target_={mine('Unlucky')}",
    *("model=linear", "model.num_features=64", "model.num_outputs=10", "task.num_classes=10"),
]


def mistakes_of(*words):
    config, _, mistakes = compose_config(f"data_dir={ROOT}/data", *words)
    assert not mistakes
    found = list(Rehearsals().try_all([config]))
    return [text for kind, text in found if kind == "mistake"]


@pytest.mark.parametrize("name", [*every_optimizer()])
def test_every_optimizer_passes(name):
    assert mistakes_of(f"optimizer={name}") == []


@pytest.mark.parametrize("name", [n for n in options("problem") if not n.startswith(NEEDS_FETCHING)])
@pytest.mark.slow
def test_every_problem_passes(name):
    assert mistakes_of(f"problem={name}") == []


@pytest.mark.parametrize(
    "words",
    [
        *(["problem=digits_softmax"], ["problem=breast_cancer_logistic"], ["problem=diabetes_linear"], ["problem=rosenbrock"]),
        *(["problem=digits_autoencoder"], ["problem=quadratic_deep"], ["problem=temporal_order"], ["model.norm=batch"]),
        *(["trainer=ddp"], ["trainer=fsdp"], ["trainer.precision=64-true"], ["trainer.precision=16-mixed"], ["compile=true"]),
        *(["optimizer=scratch/adam", "engine=explicit"], ["average.kind=ema"], ["batch_size=full", "microbatch=100"]),
        *(["schedule=one_cycle"], ["schedule=reduce_on_plateau"], ["deterministic=true"], ["data.limit=3", "batch_size=1"]),
        own_model("Unused"),
        [*own_model("AtLeast"), "data.drop_last=true"],
        own_model("Wide"),
        own_model("Huge"),
    ],
    ids=" ".join,
)
def test_valid_configs_pass(words):
    assert mistakes_of(*words) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (own_model("Narrow"), "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        (own_model("make_net"), f"model._target_={mine('make_net')} gives a str, not a Module"),
        (["+optimizer.capturable=true", "optimizer.fused=false"], "AssertionError: If capturable=True"),
        (["~data", own_data("rows")], "data: the train split has 1212 inputs and 1222 targets"),
        (["~data", own_data("nan")], "data: the inputs of the valid split are not finite in row 3"),
        (["~data", own_data("17")], "data: label 17 in row 30 of the valid split is none of the classes 0 to 9"),
        (["~data", own_data("-100")], "data: label -100 in row 30 of the valid split"),
        ([f"task._target_={mine('Detached')}"], "the loss of Detached does not depend on the weights of MLP"),
        ([*own_model("Unused"), "trainer=ddp"], "trainer=ddp: the loss does not depend on other.weight, other.bias"),
        (own_model("AtLeast"), "some batches have 6 examples, as the last of an epoch or of a microbatch: AssertionError"),
        (["model.norm=batch", "batch_size=1221"], "would get a single example"),
        (["batch_size=5000"], "batch_size=5000 is more than the 1222 training examples"),
        (["model.norm=batch", "batch_size=33", "microbatch=16"], "batch normalisation would get a single example"),
        (["groups=[{match: nothing, lr: 2}]"], "groups"),
        (OWN_DATA, "data: KeyError: 'column x' (odd_parts.py, line"),
        (["optimizer=custom", f"optimizer._target_={mine('Never')}", "optimizer.lr=1"],
         "RuntimeError: step 1 never works (odd_parts.py, line"),
    ],
)  # fmt: skip
def test_a_failure_of_every_run_is_reported_once(words, message):
    (found,) = mistakes_of(*words)
    assert message in found


def test_an_optimizer_without_state_before_its_first_step_passes():
    words = ["optimizer=custom", f"optimizer._target_={mine('Stateful')}", "optimizer.lr=0.1", "+optimizer.momentum=0.9"]
    assert mistakes_of(*words) == []


def found_in_a_process(tmp_path, *words):
    every = [f"output_dir={tmp_path}", f"data_dir={ROOT}/data", "logger=none", *words]
    config, choices, mistakes = compose_config(*every)
    assert not mistakes
    return check_in_process(fork_server(1), plan_jobs([config], [choices], [every]))


@pytest.mark.slow
def test_an_exception_is_reported_with_its_own_text(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    found = found_in_a_process(tmp_path, *own_model("Narrow"))
    (message,) = found.mistakes
    assert "mat1 and mat2" in message
    assert "died" not in message
    (message,) = found_in_a_process(tmp_path, *own_model("Exits")).mistakes
    assert message.startswith("SystemExit: 3")
    (message,) = found_in_a_process(tmp_path, *own_model("Segfaults")).mistakes
    assert message == "the check before the start was ended while one step of Segfaults under Adam: killed by SIGSEGV"
    assert found_in_a_process(tmp_path).mistakes == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model._target_=subprocess.getoutput"], "model._target_=subprocess.getoutput is not a torch Module"),
        (["optimizer._target_=os.system"], "optimizer._target_=os.system is not a torch Optimizer"),
        (["optimizer._target_=torch.nn.Linear"], "optimizer._target_=torch.nn.Linear is not a torch Optimizer"),
        (["model._target_=builtins.dict"], "model._target_=builtins.dict is not a torch Module"),
        (["data._target_=sklearn.datasets.load_digits"], "data.num_features: sklearn.datasets.load_digits takes no"),
        (["task._target_=torch.nn.MSELoss"], "task._target_=torch.nn.MSELoss is not a descentlab Task"),
        (["schedule._target_=torch.optim.lr_scheduler.StepLR"], "is not a descentlab Schedule"),
        (["+task.label_smoothing=0.1"], "task.label_smoothing: descentlab.tasks.classification.Classification takes no"),
        (["+data.limmit=3"], "data.limmit: descentlab.data.digits.Digits takes no limmit; did you mean limit?"),
        (["model._target_=nowhere.Net"], "model._target_=nowhere.Net cannot be imported"),
    ],
)
@pytest.mark.slow
def test_a_class_of_the_wrong_kind_is_reported_once(tmp_path, words, message):
    found = found_in_a_process(tmp_path, *words)
    assert message in found.mistakes[0]
    assert len([mistake for mistake in found.mistakes if message in mistake]) == 1


@pytest.mark.slow
def test_unusual_but_valid_models_pass(tmp_path):
    for name in ("Cached", "Wrapped", "Lingering"):
        assert found_in_a_process(tmp_path, *own_model(name)).mistakes == [], name


def test_a_failure_on_the_cpu_of_a_gpu_run_is_a_note():
    config = compose_config("trainer.accelerator=gpu", "+optimizer.capturable=true", "optimizer.fused=false")[0]
    found = list(Rehearsals(here=False).try_all([config]))
    assert [kind for kind, text in found if "capturable" in text] == ["note"]


@pytest.mark.parametrize(("here", "kind"), [(True, "mistake"), (False, "note")])
def test_missing_data_are_a_mistake_only_if_runs_are_on_this_machine(here, kind):
    config = compose_config(*OWN_DATA)[0]
    config["data"] = {**config["data"], "_target_": mine("Absent")}
    assert [(kind, "/nodes/only" in text) for kind, text in Rehearsals(here).try_all([config]) if kind != "stage"] == [
        (kind, True)
    ]


def test_each_file_has_its_heading_and_is_described_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("x,y\n" + "".join(f"{n},{n % 7}\n" for n in range(40)))
    words = ["data=csv", "data.target=y", "task=regression", "model=linear"]
    paths = [f"data.path={tmp_path}/{name}.csv" for name in ("a", "b", "a")]
    configs = [compose_config(*words, path, f"data.split_seed={seed}")[0] for path in paths for seed in (0, 1)]
    notes = [text for kind, text in Rehearsals().try_all(configs) if kind == "note"]
    assert set(notes) == {"a.csv:\nnumber   x\ntarget   y", "b.csv:\nnumber   x\ntarget   y"}


def test_every_batch_size_is_checked():
    configs = [compose_config("model.norm=batch", f"batch_size={size}")[0] for size in (32, 33)]
    found = [text for kind, text in Rehearsals().try_all(configs) if kind == "mistake"]
    assert len(found) == 1
    assert "batch normalisation would get a single example" in found[0]


def test_runs_of_equal_structure_are_rehearsed_once():
    words = ["seed=1", "seed=2", "optimizer.lr=0.1", "budget.steps=7", "batch_size=16", "clip.norm=1", "clip.norm=2"]
    structures = [structure_of(compose_config(word)[0]) for word in words]
    assert len(set(structures)) == 3, "with clipping and without, and with another batch"
    assert structure_of(compose_config("optimizer.fused=true")[0]) != structure_of(compose_config()[0])
    configs = [compose_config(word)[0] for word in words]
    stages = [text for kind, text in Rehearsals().try_all(configs) if kind == "stage"]
    assert len([stage for stage in stages if stage.startswith("one step")]) == 3
    assert len([stage for stage in stages if stage.startswith("reading")]) == 1
