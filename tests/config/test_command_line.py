"""From a command line to its runs: values keep quotes and types, and what would have no effect is refused."""

from __future__ import annotations

import math
import sys

import pytest
from conftest import ROOT

from descentlab import cli
from descentlab.config.command_line import Command, config_loader
from descentlab.config.explain import COMPOSITION_ERRORS, explain
from descentlab.errors import UsageError
from descentlab.sweeps.launch import checked_plan, place_maker

SGD = "# @package _global_\noptimizer: {_target_: torch.optim.SGD, lr: 1}\n"
CSV = ("data=csv", "data.path=x.csv", "model=linear", "task=regression")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The jobs of a command line, and what is said about them: plan("optimizer=adam,sgd")."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a,1\n" + "".join(f"{n},{n}\n" for n in range(40)))

    def make(*words, multirun=True, config_dir=None):
        said = []
        with config_loader(ROOT / "conf", config_dir) as loader:
            command = Command(loader, ["logger=none", *words] if not any("logger" in w for w in words) else words, multirun)
            jobs = checked_plan(command.runs(), said.append)
            place_maker(command.launcher, words)
        return jobs, said

    return make


def refused(plan, *words, **how):
    """The message of a command that is refused."""
    with pytest.raises((UsageError, *COMPOSITION_ERRORS)) as error:
        plan(*words, **how)
    return str(error.value) if isinstance(error.value, UsageError) else explain(error.value, words)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ('data.target="1"', "1"),
        ("data.target='1'", "1"),
        ("data.target=1", 1),
        ('data.target="true"', "true"),
        ("data.target=true", True),
        ('data.target="null"', "null"),
        ('data.target="1e5"', "1e5"),
        ('data.target="größe, m"', "größe, m"),
        ('data.target="it\'s"', "it's"),
        ("data.target='it\\'s'", "it's"),
        ('data.target="a\\"b"', 'a"b'),
        ("data.target=a\\ b", "a b"),
        ('data.target="a=b"', "a=b"),
        ('data.target="[1]"', "[1]"),
        ('data.target="\\${seed}"', "${seed}"),
        ("data.drop=['1','true',x]", ["1", "true", "x"]),
        ("data.missing=[-999,'-999',null]", [-999, "-999", None]),
        ('data.test_rows={split: "1"}', {"split": "1"}),
    ],
)
def test_a_value_is_the_same_with_and_without_m(plan, word, value):
    key = word.partition("=")[0].removeprefix("data.")
    target = () if key == "target" else ("data.target=y",)
    alone = plan(*CSV, *target, word, multirun=False)[0]
    swept = plan(*CSV, *target, word, "seed=0,1")[0]
    assert [job.config["data"][key] for job in alone] == [value]
    assert [job.config["data"][key] for job in swept] == [value, value]
    assert alone[0].id == swept[0].id


def test_swept_values_keep_quotes_and_types(plan):
    jobs, _ = plan(*CSV, 'data.target="1",1,"true",\'a b\',"it\'s"')
    assert [job.config["data"]["target"] for job in jobs] == ["1", 1, "true", "a b", "it's"]
    jobs, _ = plan("clip={norm: 1},{value: 0.5}", "seed=3")
    assert [job.config["clip"] for job in jobs] == [{"norm": 1, "value": None}, {"norm": None, "value": 0.5}]


@pytest.mark.parametrize("multirun", [True, False])
def test_mappings_of_one_key_are_merged(plan, multirun):
    jobs, _ = plan("clip={norm: 0.1}", "clip={value: 0.5}", multirun=multirun)
    assert jobs[0].config["clip"] == {"norm": 0.1, "value": 0.5}


def test_a_glob_gives_the_options_that_are_complete(plan):
    names = [job.choices["optimizer"] for job in plan("optimizer=glob(*)")[0]]
    assert "adam" in names
    assert "custom" not in names, "its class is left open"
    assert not any("/" in name for name in names)
    assert {job.choices["optimizer"] for job in plan("optimizer=glob([scratch/ada*])")[0]} >= {
        "scratch/adam",
        "scratch/adagrad",
    }
    assert [job.choices["optimizer"] for job in plan("optimizer=glob(adam*,exclude=adam?*)")[0]] == ["adam"]


@pytest.mark.parametrize(
    "word", ["baseline=null", "logger=null", "debug=null", "schedule=null", "~logger", "~debug", "clip=null"]
)
def test_null_means_none(plan, word):
    (job,), _ = plan(word, "seed=0")
    (usual,), _ = plan("seed=0")
    assert job.id == usual.id
    assert job.config | {"logger": None} == usual.config | {"logger": None}


def test_a_value_may_be_set_that_only_the_swept_optimizers_have(plan):
    jobs, _ = plan("optimizer=momentum,nesterov", "optimizer.momentum=0.5")
    assert [job.config["optimizer"]["momentum"] for job in jobs] == [0.5, 0.5]


def test_null_can_be_swept(plan):
    jobs, _ = plan("problem=diabetes_linear", "optimizer=sgd", "baseline=null,ridge")
    assert [job.config["baseline"] is None for job in jobs] == [True, False]
    assert [job.name.rpartition("-")[0] for job in jobs] == ["sgd-nobaseline", "sgd-ridge"]


def test_values_that_mean_the_same_run_are_named(plan):
    jobs, said = plan("optimizer=sgd,momentum", "optimizer.momentum=0")
    assert len(jobs) == 1
    assert said == ["trained once, for the configuration is the same: optimizer=sgd | optimizer=momentum"]
    jobs, said = plan("seed=0,0,1")
    assert len(jobs) == 2
    assert said == ["trained once, though given 2 times: seed=0"]
    assert plan("seed=0,1")[1] == []


def test_names_typed_as_numbers_are_names(plan):
    assert plan("sweep=2024")[0][0].folder.parent.name == "2024"
    assert plan("sweep=true")[0][0].sweep == "true"
    assert plan("logger.project=2024")[0][0].config["logger"]["project"] == "2024"
    assert plan("output_dir='~/x'")[0][0].folder.parts[:3] != ("~",)
    assert "~" not in str(plan("output_dir='~/x'", "data_dir='~/y'")[0][0].config["data_dir"])


REFUSED = [
    (["threads=1,2"], "threads=1,2 cannot be swept: threads changes no result"),
    (["logger=none,wandb"], "logger=none,wandb cannot be swept"),
    (["sweep=a,b"], "sweep=a,b cannot be swept"),
    (["data.workers=0,1", "problem=imagenet_resnet50"], "data.workers=0,1 cannot be swept"),
    (["seed=0", "seed=1"], "seed is given twice: seed=0 and seed=1"),
    (["seed=0,1", "++seed=2"], "seed is given twice: seed=0,1 and ++seed=2"),
    (["optimizer=adam", "optimizer=sgd"], "optimizer is given twice"),
    (["optimizer=[adam,sgd]"], "optimizer takes one option; to compare several: -m optimizer=adam,sgd"),
    (["optimizer=5"], "optimizer=5: there is no such optimizer"),
    (["problem=2024"], "problem=2024: there is no such problem"),
    (["~optimizer"], "optimizer: a run needs one"),
    (["optimizer=null"], "optimizer: a run needs one"),
    (["data=null"], "data: a run needs one"),
    (["~seed"], "seed: a run needs one"),
    (["trainer=null"], "trainer=cpu"),
    (["+budget.stpes=1"], "budget.stpes: there is no stpes in budget; did you mean steps?"),
    (["++zzz=1"], "zzz: there is no zzz in the top level"),
    (["+lr=1"], "did you mean optimizer.lr?"),
    (["+trainer.limit_val_batches=0"], "trainer.limit_val_batches: there is no limit_val_batches in trainer"),
    (["callbacks=[lr_monitor,a]"], "callbacks=a: there is no such callbacks"),
    (["+logger._target_=x"], "logger._target_: there is no _target_ in logger"),
    (["+clip.nrom=1"], "did you mean norm?"),
    (["+needs.closures=true"], "did you mean closure?"),
    (["+optimizer@second=sgd"], "second: there is no second in the top level"),
    (["hydra.sweep.dir=/x"], "descentlab does not use hydra.sweep.dir: output_dir=..."),
    (["hydra.run.dir=/x"], "output_dir=..."),
    (["hydra.sweep.subdir=x"], "sweep=..."),
    (["hydra.job.chdir=true"], "descentlab does not use hydra.job.chdir"),
    (["hydra={verbose: true}"], "descentlab does not use hydra"),
    (["hydra/job_logging=none"], "descentlab does not use hydra/job_logging"),
    (["hydra/launcher=basic"], "hydra/launcher=basic is not a launcher of descentlab, which has local, ray, slurm"),
    (["hydra/launcher=joblib"], "hydra/launcher=joblib is not a launcher of descentlab"),
    (["hydra/sweeper=basic"], "hydra/sweeper=basic is not a sweeper of descentlab, which has grid"),
    (["hydra/launcher=local,slurm"], "a command has one hydra/launcher"),
    (["hydra/launcher=lcal"], "did you mean local?"),
    (["+hydra.launcher.partition=x"], "hydra.launcher.partition: there is no partition in Local"),
    (["hydra/launcher=slurm", "+hydra.launcher.partitoin=x"], "did you mean partition?"),
    (["hydra/launcher=slurm", "hydra.launcher.timeout_min=long"], "hydra.launcher.timeout_min is a number in (0, inf)"),
    (["hydra/launcher=slurm", "workers=2"], "does not use workers: hydra.launcher.array_parallelism=..."),
    (["hydra/launcher=ray", "workers=2"], "the launcher Ray does not use workers"),
    (["hydra.launcher._target_=builtins.dict"], "hydra.launcher._target_=builtins.dict cannot be imported: no signature"),
    (["hydra.launcher._target_=nowhere.Place"], "hydra.launcher._target_=nowhere.Place cannot be imported"),
    (["optimizer.lr=interval(0,1)"], "optimizer.lr=interval(0,1): a grid needs single values"),
    (["seed=range(0)"], "the sweep is empty"),
    (["optimizer=glob(zzz*)"], "the sweep is empty"),
    (["sweep=.."], "sweep=.. is not the name of a folder"),
    (["sweep=.hidden"], "no dot first"),
    (["sweep=1e5"], "quote it: 'sweep=\"...\"'"),
    (["sweep=[a]"], "sweep is a text or null"),
    (["output_dir=null"], "output_dir is a text"),
    (["logger.project=a/b"], "logger.project is a text of at most 128 characters without / \\ # ? % : or null"),
    (["optimizer.lr=inf"], "optimizer.lr=inf is not allowed"),
    (["budget.epochs=nan"], "budget.epochs=nan is not allowed"),
    (["trainer.devices=auto"], "trainer.devices=auto is not allowed: trainer.devices is a whole number in [1, inf)"),
    (
        ["data=csv", "model=linear", "task=regression", "data.target=y", "data.path=[a.csv,b.csv]"],
        'data.path=["a.csv", "b.csv"] is not allowed: data.path is a text',
    ),
    (["optimizer.lr=${oc.env:NOT_THERE}"], "Environment variable 'NOT_THERE' not found"),
    (["seed=${nowhere}"], "seed"),
    (["optimizer=custom"], "optimizer._target_ has no value yet: set optimizer._target_=..."),
    (
        ["sweep=größe"],
        """cannot be read; a text with spaces, commas, brackets or other signs is quoted twice: 'sweep="größe"'""",
    ),
    (["output_dir=~/x"], """'output_dir="~/x"'"""),
    (["data.limit=[1"], "data.limit=[1: cannot be read"),
    (["optimizer.lr"], "optimizer.lr: cannot be read; write key=value"),
    (["+hydra.sweeper.foo=1"], "descentlab does not use hydra.sweeper.foo"),
    (["hydra.sweeper.params=5"], "hydra.sweeper.params=5: it is a mapping"),
    (["~hydra/launcher"], "descentlab does not use hydra/launcher"),
    (["hydra.searchpath=[/nowhere]"], "hydra.searchpath: there is no folder /nowhere"),
    (["hydra/launcher=slurm", "hydra.launcher.additional_parameters=3"], "hydra.launcher.additional_parameters is a mapping"),
    (["optimizer.betas[0]=0.5"], "an element of a list is key.0"),
    (["/optimizer=sgd"], "a key is names with dots between them"),
    (["budget=null"], "budget: nothing would ever end the run"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_would_have_no_effect_is_refused(plan, words, message):
    assert message in refused(plan, *words)


def test_several_values_need_m(plan):
    for word in ("seed=0,1", "seed=range(3)", "optimizer=glob(a*)", "seed=choice(1)"):
        assert f"{word}: several values make a sweep: add -m" in refused(plan, word, multirun=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a:\n\t- 1\n", "line 2: not valid YAML: found character '\\t'"),
        ("_target_: torch.optim.SGD\nlr: 1\nlr: 2\n", "line 3: not valid YAML: found duplicate key lr"),
        (SGD + "bugdet: {steps: 3}\n", "did you mean budget?"),
        (SGD + "budget: {stps: 3}\n", "did you mean steps?"),
        (
            SGD + "hydra: {run: {dir: x}}\n",
            "hydra.run is set in a file",
        ),
        (
            SGD + "hydra: {callbacks: {a: 1}}\n",
            "hydra.callbacks is set",
        ),
        ("# @package _global_\ndefaults: [override /hydra/launcher: slurm]\n", "overrides hydra/launcher, without effect"),
        ("_target_: torch.optim.SGD\nlr: 1\n", "optimizer lacks `_partial_: true`"),
        ("_target_: torch.optim.SGD\n_partial_: true\n1: 2\n", "1: the keys of one node are texts"),
        ("defaults: adam\n", "a config file cannot be composed"),
        ("defaults: [mine]\n", "a config file is among its own defaults"),
        ("", "optimizer has no _target_"),
        ("- 1\n", "optimizer"),
        (b"# gr\xf6\xdfe\n_target_: torch.optim.SGD\n", "a config file is not UTF-8"),
        (
            SGD + "hydra: {verbose: true}\n",
            "hydra.verbose is set",
        ),
        (
            SGD + "hydra: {job: {chdir: true}}\n",
            "hydra.job is set",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, content, message, monkeypatch, capsys):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    for place in range(3):  # flags may stand anywhere
        words = ["optimizer=mine", "logger=none"]
        words[place:place] = ["--config-dir", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["train.py", *words, f"output_dir={tmp_path}/out"])
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        with pytest.raises(SystemExit) as leaving:
            cli.main(ROOT / "conf")
        said = capsys.readouterr().err
        assert leaving.value.code == 2
        assert message in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--resolve"], "--resolve and --package are for --cfg"),
        (["--package", "optimizer"], "--resolve and --package are for --cfg"),
        (["--cfg", "job", "--dry-run"], "leave one out"),
        (["--cfg", "job", "-m"], "leave out -m"),
        (["--config-dir", "a", "--config-dir", "b"], "--config-dir is given twice"),
        (["--config-dir", ""], "--config-dir is empty"),
        (["--config-path", "x"], "add yours with --config-dir"),
        (["--config-name", "foo"], "there is no foo.yaml"),
        (["--experimental-rerun", "x"], "rerun=true"),
        (["--foo"], "unrecognized arguments: --foo"),
    ],
)
def test_flags_that_would_have_no_effect(flags, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", *flags, "optimizer=sgd"])
    with pytest.raises(SystemExit) as leaving:
        cli.main(ROOT / "conf")
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err


def test_the_shown_config_is_that_of_the_run(monkeypatch, capsys):
    def shown(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", "--cfg", "job", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main(ROOT / "conf")
        assert not leaving.value.code
        return capsys.readouterr().out

    assert "target: null" in shown("data=digits", "schedule=null").splitlines()
    assert "target: 0.95" in shown().splitlines()
    assert shown("-p", "optimizer", "optimizer=sgd").startswith("_target_: torch.optim.SGD")
    assert "data_seed: 3" in shown("--resolve", "seed=3").splitlines()


def test_a_users_folder(plan, tmp_path):
    (tmp_path / "mine" / "optimizer").mkdir(parents=True)
    (tmp_path / "mine" / "optimizer" / "slow.yaml").write_text("_target_: torch.optim.SGD\n_partial_: true\nlr: 1e-9\n")
    (tmp_path / "mine" / "problem").mkdir()
    sweep = "# @package _global_\nhydra: {sweeper: {params: {seed: '0,1'}}}\n"
    (tmp_path / "mine" / "problem" / "twice.yaml").write_text(sweep)
    mine = str(tmp_path / "mine")
    assert plan("optimizer=slow", config_dir=mine)[0][0].config["optimizer"]["lr"] == 1e-9
    assert [job.config["seed"] for job in plan("problem=twice", config_dir=mine)[0]] == [0, 1]
    assert "there is no folder" in refused(plan, config_dir=str(tmp_path / "other"))
    (tmp_path / "mine" / "optimizer" / "adam.yaml").write_text("lr: 1\n")
    assert "descentlab has a optimizer/adam.yaml too" in refused(plan, config_dir=mine)


def test_ranges_are_those_of_descentlabs_own_classes(plan):
    assert (
        plan("~model", "+model={_target_: mine.Net, hidden: 64, dropout: 3}", "optimizer.lr=0.1")[0][0].config["model"][
            "hidden"
        ]
        == 64
    )
    assert "model.hidden=64 is not allowed" in refused(plan, "model.hidden=64")
    own = plan("optimizer=custom", "optimizer._target_=mine.Sgd", "optimizer.lr=-1")[0]
    assert own[0].config["optimizer"]["lr"] == -1
    assert math.isclose(plan("optimizer.lr=1e-3")[0][0].config["optimizer"]["lr"], 1e-3)
