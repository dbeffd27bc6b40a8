"""The private names that `compat` uses exist, and the fallbacks work. The docstring of each test names the fix if it fails."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import lightning as L
import pytest
import torch
from conftest import ROOT
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from lightning.pytorch.loggers.logger import DummyLogger
from torch import nn

from descentlab import compat
from descentlab.config.command_line import Command, config_loader
from descentlab.config.compose import Composer

DOCUMENTED = {"sys._getframe", "os._exit"}  # private by name, but described in Python's manual


def private_names(path: Path) -> set[str]:
    """Return the private names of other modules and objects that the source file `path` uses."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls", "super()"):
                found.add(f"{owner}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            found |= {f"{node.module}: {name}" for name in names if name.startswith("_") and name != "__future__"}
    return found - DOCUMENTED


def test_only_compat_uses_private_names():
    """Fix: move the use into a function of compat.py, with a test here."""
    package = ROOT / "src" / "descentlab"
    files = {str(path.relative_to(package)): path for path in package.rglob("*.py")}
    found = {name: names for name, path in files.items() if (names := private_names(path))}
    own = {"small._splits"}  # a private name of descentlab
    assert {name: names - own for name, names in found.items() if name != "compat.py" and names - own} == {}
    assert len(found["compat.py"]) >= 5


def groups_and_files(repository):
    found = repository.load_config("optimizer/sgd")
    groups = [repository.group_exists(name) for name in ("optimizer", "optimizer/scratch", "nothing")]
    return groups, found.config.optimizer._target_, repository.load_config("optimizer/nothing"), len(repository.get_sources())


def test_kill_fork_server():
    """Fix: look in multiprocessing.forkserver for the process id of the server."""
    script = """
from multiprocessing import forkserver, get_context
from descentlab.compat import fork_server_pid, kill_fork_server
kill_fork_server()
assert fork_server_pid() is None
forkserver.ensure_running()
first = fork_server_pid()
assert first == forkserver._forkserver._forkserver_pid
kill_fork_server()
child = get_context("forkserver").Process(target=print)
child.start()
child.join()
assert child.exitcode == 0
assert fork_server_pid() != first
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_config_repository(monkeypatch):
    """Fix: look in hydra/_internal/config_loader_impl.py for the function that makes the repository of a command line."""
    with config_loader(ROOT / "conf") as loader:
        ours = groups_and_files(compat.config_repository(loader, "train", []))
        assert ours[0] == [True, True, False]
        assert ours[1] == "torch.optim.SGD"
        assert ours[2] is None
        monkeypatch.delattr(ConfigLoaderImpl, "_parse_overrides_and_create_caching_repo")
        assert groups_and_files(compat.config_repository(loader, "train", [])) == ours


def test_config_repository_contains_the_search_path(tmp_path):
    """Fix: as for test_config_repository; the fallback lacks the folders of hydra.searchpath."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "one.yaml").write_text("value: 1")
    with config_loader(ROOT / "conf") as loader:
        assert compat.config_repository(loader, "train", [f"hydra.searchpath=[{tmp_path}]"]).group_exists("mine")


def test_without_a_value_setter_hydra_composes_each_run(monkeypatch):
    """Fix: find the function that applies overrides in ConfigLoaderImpl; without it a run takes 60 ms to compose, not 1 ms."""
    words = ["optimizer=sgd,adam", "optimizer.lr=0.1,0.2", "logger=none", "+model.extra=1"]

    def composed(loader):
        runs = list(Command(loader, words, multirun=True).runs())
        return [(run.config, run.choices, run.overrides) for run in runs]

    with config_loader(ROOT / "conf") as loader:
        usual = composed(loader)
        assert compat.value_setter() is not None
        monkeypatch.setattr(compat, "value_setter", lambda: None)
        assert Composer(loader, loader.load_configuration("train", [], RunMode.MULTIRUN)).set_values is None
        assert composed(loader) == usual


def test_value_setter_is_none_where_hydra_has_no_such_function(monkeypatch):
    """Fix: as for test_without_a_value_setter_hydra_composes_each_run."""
    monkeypatch.delattr(ConfigLoaderImpl, "_apply_overrides_to_config")
    assert compat.value_setter() is None


def test_with_value():
    """Fix: look in hydra/core/override_parser/types.py for the field of Override that holds the parsed value."""
    (override,) = OverridesParser.create().parse_overrides(["seed=1,2"])
    changed = compat.with_value(override, 5, "seed=5")
    assert (changed.value(), changed.input_line, changed.key_or_group) == (5, "seed=5", "seed")


def test_hydra_arguments():
    """Fix: look in hydra/_internal/utils.py for the parser, or build one with the flags that cli reads."""
    found = compat.hydra_arguments().parse_args(["--cfg", "job", "-m", "--config-dir", "x", "seed=1"])
    assert (found.cfg, found.multirun, found.config_dir, found.overrides) == ("job", True, "x", ["seed=1"])


def test_show_hydra():
    """Fix: look in hydra/_internal/utils.py for the function behind @hydra.main, which prints configs and Hydra's help."""
    words = [sys.executable, str(ROOT / "train.py"), "--info", "searchpath"]
    assert str(ROOT / "conf") in subprocess.run(words, capture_output=True, text=True, check=True).stdout


class Rows(DummyLogger):
    """A logger that keeps the rows it is given."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_metrics(self, metrics, step):
        self.rows.append((metrics, step))


def stock_trainer(callback, **settings):
    return L.Trainer(
        accelerator="cpu", max_epochs=1, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[callback], **{"logger": False, **settings},
    )  # fmt: skip


def fit(trainer):
    """Train a module without parameters for one step of manual optimization."""
    module = L.LightningModule()
    module.automatic_optimization = False
    module.configure_optimizers = lambda: None
    module.training_step = lambda batch: None
    trainer.fit(module, torch.utils.data.DataLoader([1]))


def test_without_signal_handlers():
    """Fix: find where lightning's Trainer installs handlers of SIGTERM; a run keeps those of store/interruption."""
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    class Watch(L.Callback):
        def on_train_start(self, trainer, pl_module):
            seen.append(signal.getsignal(signal.SIGTERM))

    fit(compat.without_signal_handlers(stock_trainer(Watch())))
    assert seen == [before]


def test_set_global_step():
    """Fix: look in lightning/pytorch/loops/training_epoch_loop.py for the counter that `global_step` returns."""
    seen = []

    class Watch(L.Callback):
        def on_train_start(self, trainer, pl_module):
            compat.set_global_step(trainer, 7)

        def on_train_batch_end(self, trainer, *_):
            seen.append(trainer.global_step)

    fit(stock_trainer(Watch()))
    assert seen == [7]


def test_set_logged_step():
    """Fix: look in lightning's LearningRateMonitor for the step that it logs at."""
    logger = Rows()

    class Watch(L.Callback):
        def on_train_start(self, trainer, pl_module):
            compat.set_logged_step(trainer, 7)

        def on_train_batch_end(self, trainer, *_):
            self.log("value", 1.0)

    fit(stock_trainer(Watch(), logger=logger, log_every_n_steps=1))
    assert [(step, row["value"]) for row, step in logger.rows if "value" in row] == [(7, 1.0)]


OPERATIONS = {
    "add": (lambda: [tensors(2)], {"alpha": 0.3}),
    "add_": (lambda: [tensors(2)], {"alpha": 0.3}),
    "mul_": (lambda: [0.9], {}),
    "lerp": (lambda: [tensors(2), 0.1], {}),
    "lerp_": (lambda: [tensors(2), 0.1], {}),
    "copy_": (lambda: [tensors(2)], {}),
    "sub": (lambda: [tensors(2)], {}),
    "norm": (list, {}),
}


def tensors(seed):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(3, 4, generator=draw), torch.randn(5, generator=draw)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_foreach(name, monkeypatch):
    """Fix: nothing is wrong without the private function, only slower; remove it from compat if torch has a public one."""

    def result():
        given = tensors(1)
        found = compat.foreach(name, given, *OPERATIONS[name][0](), **OPERATIONS[name][1])
        return given if name.endswith("_") else found

    fused = result()
    monkeypatch.delattr(torch, f"_foreach_{name}")
    for with_kernel, in_loop in zip(fused, result(), strict=True):
        torch.testing.assert_close(with_kernel, in_loop)


def test_is_vmapped(monkeypatch):
    """Fix: look in torch.func for the question whether a tensor is batched; answering True everywhere is only slower."""
    seen = []
    torch.func.vmap(lambda row: seen.append(compat.is_vmapped(row)) or row)(torch.zeros(2, 3))
    assert seen == [True]
    assert not compat.is_vmapped(torch.zeros(3))


def test_is_compiled():
    """Fix: look in nn.Module.compile for where the compiled call is kept; answering True only costs a warm-up."""
    module = nn.Linear(2, 1)
    assert not compat.is_compiled(module)
    module.compile(backend="eager")
    assert compat.is_compiled(module)


def test_uncompiled():
    """Fix: look in nn.Module.compile for where the compiled call is kept; without it compiled code runs, which is slower."""
    calls = []

    def backend(graph, _inputs):
        return lambda *inputs: calls.append(1) or graph(*inputs)

    module = nn.Linear(2, 1)
    module.compile(backend=backend)
    with compat.uncompiled(module):
        module(torch.ones(1, 2))
    assert not calls
    module(torch.ones(1, 2))
    assert calls
    with compat.uncompiled(nn.Identity()) as nothing:
        assert nothing is None


@pytest.mark.parametrize("fallback", [False, True])
def test_is_batch_norm(fallback, monkeypatch):
    """Fix: the public classes are enough, but for a user's subclass of the private base."""
    if fallback:
        monkeypatch.delattr(nn.modules.batchnorm, "_BatchNorm")
    assert all(compat.is_batch_norm(layer) for layer in (nn.BatchNorm1d(2), nn.BatchNorm2d(2), nn.SyncBatchNorm(2)))
    assert not compat.is_batch_norm(nn.LayerNorm(2))


def test_without_scipy_signal():
    """Fix: look in torchmetrics/__init__.py for its use of scipy.signal; without it, delete the function."""
    script = """
import sys
from descentlab import compat
with compat.without_scipy_signal():
    import torchmetrics
assert "scipy.signal" not in sys.modules
import scipy.signal
assert scipy.signal.windows.hamming(3).size == 3
with compat.without_scipy_signal():
    assert sys.modules["scipy.signal"] is scipy.signal
assert sys.modules["scipy.signal"] is scipy.signal
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_list_packages_once():
    """Fix: look in wandb_run.py for the function that lists the packages of requirements.txt; without it, 0.1 s a run."""
    script = """
from wandb import util
from descentlab import compat
before = [(each.key, each.version) for each in util.working_set()]
for _ in range(2):
    compat.list_packages_once()
listed = util.working_set()
assert [(each.key, each.version) for each in listed] == before != []
assert util.working_set() is listed
del util.working_set
compat.list_packages_once.cache_clear()
compat.list_packages_once()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# trace, compile_program, load_program and flat_call: tests/optim/programs/test_compiled.py. Fix: look in torch._inductor for
# the functions that compile and load a package, and for the context that sets the folder of the compiler's own files.


@pytest.mark.slow
def test_wandb_specification():
    """Fix: look in `Workspace.save` and `Report.save` for the values that they send to the server."""
    from wandb_workspaces.reports.v2 import interface as wr
    from wandb_workspaces.workspaces.interface import Workspace

    for defined in (Workspace(entity="e", project="p", name="n"), wr.Report(project="p", entity="e", title="n")):
        assert compat.wandb_specification(defined)["displayName"] == "n"
