"""Command lines, files and flags that are wrong or would have no effect are refused with a message that names the fix."""

from __future__ import annotations

import pytest
from support.commands import run_here

SGD = "# @package _global_\noptimizer: {_target_: torch.optim.SGD, lr: 1}\n"

REFUSED = [
    (["threads=1,2"], "threads=1,2 cannot be swept: threads changes no result"),
    (["logger=none,wandb"], "logger=none,wandb cannot be swept"),
    (["sweep=a,b"], "sweep=a,b cannot be swept"),
    (["data.workers=0,1", "problem=imagenet_resnet50"], "data.workers=0,1 cannot be swept"),
    (["seed=0", "seed=1"], "seed is given twice: seed=0 and seed=1"),
    (["seed=0,1", "++seed=2"], "seed is given twice: seed=0,1 and ++seed=2"),
    (["optimizer=adam", "optimizer=sgd"], "optimizer is given twice"),
    (["optimizer=[adam,sgd]"], "optimizer takes one option; to compare several: -m optimizer=adam,sgd"),
    (["optimizer=5"], "optimizer=5: unknown optimizer"),
    (["problem=2024"], "problem=2024: unknown problem"),
    (["~optimizer"], "optimizer: a run needs one"),
    (["optimizer=null"], "optimizer: a run needs one"),
    (["data=null"], "data: a run needs one"),
    (["~seed"], "seed: a run needs one"),
    (["trainer=null"], "trainer=cpu"),
    (["+budget.stpes=1"], "budget.stpes: unknown key stpes in budget; did you mean steps?"),
    (["++zzz=1"], "zzz: unknown key\n"),
    (["+lr=1"], "did you mean optimizer.lr?"),
    (["+trainer.limit_val_batches=0"], "trainer.limit_val_batches: unknown key limit_val_batches in trainer"),
    (["callbacks=[lr_monitor,a]"], "callbacks=a: unknown callbacks"),
    (["+logger._target_=x"], "logger._target_: unknown key _target_ in logger"),
    (["+clip.nrom=1"], "did you mean norm?"),
    (["+needs.closures=true"], "did you mean closure?"),
    (["+optimizer@second=sgd"], "second: unknown key; did you mean records?"),
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
    (["+hydra.launcher.partition=x"], "hydra.launcher.partition: unknown key partition in Local"),
    (["hydra.launcher.fuse=yes"], "hydra.launcher.fuse is one of auto, always, never"),
    (["hydra/launcher=ray", "hydra.launcher.group_size=0"], "hydra.launcher.group_size is"),
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
    (["sweep=[a]"], "sweep is a string or null"),
    (["output_dir=null"], "output_dir is a string"),
    (["logger.project=a/b"], "logger.project is a string of at most 128 characters without / \\ # ? % : or null"),
    (["optimizer.lr=inf"], "optimizer.lr=inf is not allowed"),
    (["budget.epochs=nan"], "budget.epochs=nan is not allowed"),
    (["trainer.devices=auto"], "trainer.devices=auto is not allowed: trainer.devices is a whole number in [1, inf)"),
    (
        ["data=csv", "model=linear", "task=regression", "data.target=y", "data.path=[a.csv,b.csv]"],
        'data.path=["a.csv", "b.csv"] is not allowed: data.path is a string',
    ),
    (["optimizer.lr=${oc.env:NOT_THERE}"], "Environment variable 'NOT_THERE' not found"),
    (["seed=${nowhere}"], "seed"),
    (["optimizer=custom"], "optimizer._target_ has no value yet: set optimizer._target_=..."),
    (
        ["sweep=größe"],
        """cannot be read; a string with spaces, commas, brackets or other signs is quoted twice: 'sweep="größe"'""",
    ),
    (["output_dir=~/x"], """'output_dir="~/x"'"""),
    (["data.limit=[1"], "data.limit=[1: cannot be read"),
    (["optimizer.lr"], "optimizer.lr: cannot be read; write key=value"),
    (["+hydra.sweeper.foo=1"], "descentlab does not use hydra.sweeper.foo"),
    (["+hydra.sweeper.trails=1", "hydra/sweeper=tune"], "did you mean trials?"),
    (["trials=16"], "trials=16: trials is a setting of hydra/sweeper=tune: add hydra/sweeper=tune"),
    (["trails=16", "hydra/sweeper=tune"], "trails=16: unknown key trails; did you mean trials?"),
    (["trials=8,16", "hydra/sweeper=tune"], "a command has one hydra.sweeper.trials: give it one value"),
    (["trials=8", "hydra.sweeper.trials=16", "hydra/sweeper=tune"], "hydra.sweeper.trials is given twice"),
    (["trials=8", "trials=8", "hydra/sweeper=tune"], "hydra.sweeper.trials is given twice"),
    (["hydra.sweeper.params=5"], "hydra.sweeper.params=5: it is a mapping"),
    (["~hydra/launcher"], "descentlab does not use hydra/launcher"),
    (["hydra.searchpath=[/nowhere]"], "hydra.searchpath: no such folder: /nowhere"),
    (["hydra/launcher=slurm", "hydra.launcher.additional_parameters=3"], "hydra.launcher.additional_parameters is a mapping"),
    (["optimizer.betas[0]=0.5"], "an element of a list is key.0"),
    (["/optimizer=sgd"], "a key is names with dots between them"),
    (["budget=null"], "budget: nothing would ever end the run"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_an_override_that_is_invalid_or_without_effect_is_refused(refused, words, message):
    assert message in refused(*words)


def test_several_values_of_a_key_require_the_flag_m(refused):
    for word in ("seed=0,1", "seed=range(3)", "optimizer=glob(a*)", "seed=choice(1)"):
        assert f"{word}: several values make a sweep: add -m" in refused(word, multirun=False)


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
        ("_target_: torch.optim.SGD\n_partial_: true\n1: 2\n", "1: the keys of one node are strings"),
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
def test_an_error_in_a_config_file_is_reported_with_its_file_and_line(tmp_path, content, message, monkeypatch, capsys):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    for position in range(3):  # flags are accepted at any position
        words = ["optimizer=mine", "logger=none"]
        words[position:position] = ["--config-dir", str(tmp_path)]
        code, output = run_here([*words, f"output_dir={tmp_path}/out"], monkeypatch, capsys)
        assert code == 2
        assert message in output
        assert "Traceback" not in output


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
def test_flags_without_effect_are_refused(flags, message, monkeypatch, capsys):
    code, output = run_here([*flags, "optimizer=sgd"], monkeypatch, capsys)
    assert code == 2
    assert message in output
