"""What a run constructs is constructed and takes a step before the first run starts; an error there is shown as its own."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from conftest import ROOT, compose_config, every_optimizer, options
from torch import nn

from descentlab.data.digits import Digits
from descentlab.data.loading.splits import Splits
from descentlab.launchers.checks.rehearsal import LARGE, Rehearsals, structure_of
from descentlab.launchers.local import fork_server
from descentlab.launchers.preflight import in_a_process_of
from descentlab.sweeps.plan import plan
from descentlab.tasks.classification import Classification

NEEDS_FETCHING = ("cifar10", "cifar100", "svhn", "imagenet", "pneumonia", "creditcard", "tiny_shakespeare", "wikitext2", "owt")


class Narrow(nn.Linear):
    """Constructed without fault; fails when it is used."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        super().__init__(3, num_outputs)


class Loud(nn.Linear):
    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        raise SystemExit(3)


class Stuck(nn.Linear):
    """Dies as a process does."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)


class Wide(nn.Linear):
    """Whose `hidden` means something of its own."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        assert hidden == 64
        super().__init__(num_features, num_outputs)

    def forward(self, x):
        return super().forward(x.flatten(1))


class Huge(nn.Module):
    """With more parameters than are trained here, and a forward pass that nobody must wait for."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(LARGE + 1))

    def forward(self, x):
        raise AssertionError("it is too large to try")


def make_net(num_features: int, num_outputs: int) -> object:
    return "a text"


class Unlucky(Digits):
    def load(self):
        raise KeyError("column x")


class Absent(Digits):
    def load(self):
        raise FileNotFoundError("/nodes/only")


class Misaligned(Digits):
    def __init__(self, how, *args, **more):
        super().__init__(*args, **more)
        self.how = how

    def load(self):
        splits = super().load()
        (x, y), (vx, vy) = splits.train, splits.valid
        if self.how == "rows":
            return Splits((x[10:], y), splits.valid, splits.test)
        if self.how == "nan":
            vx[3].flatten()[0] = torch.nan
        else:
            vy[30] = int(self.how)
        return splits


class Detached(Classification):
    def loss(self, predict, batch):
        return super().loss(predict, batch).detach().requires_grad_()


class Unused(nn.Linear):
    """With a layer that no input passes."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__(num_features, num_outputs)
        self.other = nn.Linear(2, 2)

    def forward(self, x):
        return super().forward(x.flatten(1))


class AtLeast(Unused):
    """Takes eight examples or more."""

    def forward(self, x):
        assert len(x) >= 8, f"need at least 8, got {len(x)}"
        return super().forward(x)


class Stateful(torch.optim.SGD):
    """Whose eval() needs a state that the first step makes."""

    def train(self): ...

    def eval(self):
        assert self.state, "no state yet"


class Never(torch.optim.SGD):
    def step(self, closure=None):
        raise RuntimeError("step 1 never works")


def mine(name: str) -> str:
    return f"{__name__}.{name}"


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


def tried(*words):
    config, _, mistakes = compose_config(f"data_dir={ROOT}/data", *words)
    assert not mistakes
    found = list(Rehearsals().try_all([config]))
    return [text for kind, text in found if kind == "mistake"]


@pytest.mark.parametrize("name", [*every_optimizer()])
def test_every_optimizer_passes(name):
    assert tried(f"optimizer={name}") == []


@pytest.mark.parametrize("name", [n for n in options("problem") if not n.startswith(NEEDS_FETCHING)])
@pytest.mark.slow
def test_every_problem_passes(name):
    assert tried(f"problem={name}") == []


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
def test_what_works_passes(words):
    assert tried(*words) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (own_model("Narrow"), "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        (own_model("make_net"), f"model._target_={mine('make_net')} gives a str, not a Module"),
        (["+optimizer.capturable=true"], "AssertionError: If capturable=True"),
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
        (OWN_DATA, "data: KeyError: 'column x' (test_rehearsal.py, line"),
        (["optimizer=custom", f"optimizer._target_={mine('Never')}", "optimizer.lr=1"],
         "RuntimeError: step 1 never works (test_rehearsal.py, line"),
    ],
)  # fmt: skip
def test_what_would_fail_in_each_run_is_told_once(words, message):
    (said,) = tried(*words)
    assert message in said


def test_an_optimizer_without_a_state_before_its_first_step():
    words = ["optimizer=custom", f"optimizer._target_={mine('Stateful')}", "optimizer.lr=0.1", "+optimizer.momentum=0.9"]
    assert tried(*words) == []


def found_in_a_process(tmp_path, *words):
    every = [f"output_dir={tmp_path}", f"data_dir={ROOT}/data", "logger=none", *words]
    config, choices, mistakes = compose_config(*every)
    assert not mistakes
    return in_a_process_of(fork_server(1), plan([config], [choices], [every]))


def test_an_exception_is_shown_as_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    found = found_in_a_process(tmp_path, *own_model("Narrow"))
    (said,) = found.mistakes
    assert "mat1 and mat2" in said
    assert "died" not in said
    (said,) = found_in_a_process(tmp_path, *own_model("Loud")).mistakes
    assert said.startswith("SystemExit: 3")
    (said,) = found_in_a_process(tmp_path, *own_model("Stuck")).mistakes
    assert said == "the check before the start was ended while one step of Stuck under Adam: killed by SIGSEGV"
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
def test_a_class_of_the_wrong_kind_is_named_once(tmp_path, words, message):
    found = found_in_a_process(tmp_path, *words)
    assert message in found.mistakes[0]
    assert len([said for said in found.mistakes if message in said]) == 1


class Cached(nn.Linear):
    """Keeps a tensor that it made, as tables of positions are kept."""

    positions: ClassVar[list[torch.Tensor]] = []

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__(num_features, num_outputs)
        if not self.positions:
            self.positions.append(torch.arange(num_outputs))

    def forward(self, x):
        return super().forward(x.flatten(1)) + self.positions[0]


class Wrapped:
    """Whose constructor gives something else."""

    def __new__(cls, num_features: int, num_outputs: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(num_features, num_outputs))


class Lingering(nn.Linear):
    """Starts a thread that does not end."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        import threading
        import time

        threading.Thread(target=time.sleep, args=(600,)).start()
        super().__init__(num_features, num_outputs)

    def forward(self, x):
        return super().forward(x.flatten(1))


def test_models_that_a_careless_check_would_refuse(tmp_path):
    for name in ("Cached", "Wrapped", "Lingering"):
        assert found_in_a_process(tmp_path, *own_model(name)).mistakes == [], name


def test_a_failure_on_a_cpu_is_no_mistake_of_a_run_on_another_machine():
    config = compose_config("trainer.accelerator=gpu", "+optimizer.capturable=true")[0]
    told = list(Rehearsals(here=False).try_all([config]))
    assert [kind for kind, text in told if "capturable" in text] == ["note"]


@pytest.mark.parametrize(("here", "kind"), [(True, "mistake"), (False, "note")])
def test_data_that_only_the_nodes_of_a_cluster_have(here, kind):
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
    told = [text for kind, text in Rehearsals().try_all(configs) if kind == "mistake"]
    assert len(told) == 1
    assert "batch normalisation would get a single example" in told[0]


def test_runs_that_construct_the_same_are_tried_once():
    words = ["seed=1", "seed=2", "optimizer.lr=0.1", "budget.steps=7", "batch_size=16", "clip.norm=1", "clip.norm=2"]
    structures = [structure_of(compose_config(word)[0]) for word in words]
    assert len(set(structures)) == 3, "with clipping and without, and with another batch"
    assert structure_of(compose_config("optimizer.fused=true")[0]) != structure_of(compose_config()[0])
    configs = [compose_config(word)[0] for word in words]
    stages = [text for kind, text in Rehearsals().try_all(configs) if kind == "stage"]
    assert len([stage for stage in stages if stage.startswith("one step")]) == 3
    assert len([stage for stage in stages if stage.startswith("reading")]) == 1
