"""Every use of a library's private name, one function each; tests/test_compat.py checks each one against the installed library.

When an update of a library breaks a function here, its test names the fix. Functions with a public fallback use it where the
private name is missing. The functions import their library when called, so that the parent process stays free of torch.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from hydra.plugins.config_source import ConfigResult, ConfigSource
    from lightning import Trainer
    from omegaconf import DictConfig
    from torch import Tensor, nn
    from torch.fx import GraphModule
    from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
    from wandb_workspaces.reports.v2.interface import Report
    from wandb_workspaces.workspaces.interface import Workspace


class Repository(Protocol):
    """The config files on Hydra's search path."""

    def group_exists(self, config_path: str, /) -> bool: ...
    def load_config(self, config_path: str, /) -> ConfigResult | None: ...
    def get_sources(self) -> Sequence[ConfigSource]: ...


# Python


def fork_server_pid() -> int | None:
    """Return the process id of multiprocessing's fork server; None before it was started. Fallback: None."""
    from multiprocessing import forkserver

    return getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)


def kill_fork_server() -> None:
    """Kill multiprocessing's fork server, if there is one, and wait for its end; the next process starts a new one.

    The processes that were forked from it continue, without their exit codes. Fallback: nothing; the server ends by itself
    when this process ends.
    """
    if (pid := fork_server_pid()) is not None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # multiprocessing reaps it


# Hydra


def config_repository(loader: ConfigLoader, config_name: str, hydra_overrides: Sequence[str]) -> Repository:
    """Return the config files that `loader` sees, those of hydra.searchpath included.

    Fallback: the sources of the loader, without the folders of hydra.searchpath.
    """
    create = getattr(loader, "_parse_overrides_and_create_caching_repo", None)
    return _Sources(loader.get_sources()) if create is None else create(config_name, list(hydra_overrides))[1]


class _Sources:
    """Fallback for Hydra's config repository that uses only the public ConfigSource interface."""

    def __init__(self, sources: Sequence[ConfigSource]) -> None:
        self.sources = sources

    def group_exists(self, config_path: str, /) -> bool:
        return any(source.is_group(config_path) for source in self.sources)

    def load_config(self, config_path: str, /) -> ConfigResult | None:
        return next((source.load_config(config_path) for source in self.sources if source.is_config(config_path)), None)

    def get_sources(self) -> Sequence[ConfigSource]:
        return self.sources


def value_setter() -> Callable[[Sequence[Override], DictConfig], None] | None:
    """Return Hydra's function that applies `key=value` overrides to a composed config, in order.

    Fallback: None. The caller then lets Hydra compose each run from its files, 60 ms per run instead of 1 ms.
    """
    try:
        from hydra._internal.config_loader_impl import ConfigLoaderImpl

        return ConfigLoaderImpl._apply_overrides_to_config  # pyright: ignore[reportReturnType]
    except (ImportError, AttributeError):
        return None


def with_value(override: Override, value: Any, line: str, **changes: Any) -> Override:
    """Return `override` with another value and the text `line` as its source; `changes` are other fields of Override."""
    return replace(override, _value=value, input_line=line, **changes)


def hydra_arguments() -> argparse.ArgumentParser:
    """Return the parser for Hydra's own flags: --cfg, --multirun, --config-dir, ..."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


def show_hydra(arguments: argparse.Namespace, main: Callable[..., Any], conf_dir: str, config_name: str) -> None:
    """Let Hydra print a config, its own help, or a shell completion script; `main` tells it the file of the program."""
    from hydra._internal.utils import _run_hydra, get_args_parser

    _run_hydra(arguments, get_args_parser(), main, conf_dir, config_name)


# Lightning


def without_signal_handlers(trainer: Trainer) -> Trainer:
    """Keep Lightning from handling SIGTERM and SIGUSR1; returns `trainer`.

    Its handlers communicate with the other processes, which may be in the middle of a collective operation.
    """
    trainer._signal_connector.register_signal_handlers = lambda: None
    return trainer


def set_global_step(trainer: Trainer, count: int) -> None:
    """Set `trainer.global_step` to the number of optimizer steps, which Lightning counts only in its own optimizer wrapper."""
    trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.total.completed = count


def set_logged_step(trainer: Trainer, count: int) -> None:
    """Set the step at which Lightning logs what callbacks log; it adds one after every batch."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = count


# torch


def foreach(name: str, tensors: Sequence[Tensor], *arguments: Any, **keywords: Any) -> list[Tensor]:
    """Apply an operation to a list of tensors in a few kernels, as torch.optim does. Fallback: a loop.

    Args:
        name: a method of Tensor, such as "lerp"; a trailing underscore ("add_", "copy_") changes the tensors in place.
        arguments: each a list with one entry per tensor, or one value for all.
        keywords: arguments that apply to all tensors, such as alpha.

    Returns:
        The results. The result of an in-place operation is not meaningful.
    """
    import torch

    fused = getattr(torch, f"_foreach_{name}", None)
    if fused is not None:
        return list(fused(list(tensors), *arguments, **keywords) or ())
    rows = [argument if isinstance(argument, Sequence) else [argument] * len(tensors) for argument in arguments]
    return [getattr(tensor, name)(*row, **keywords) for tensor, *row in zip(tensors, *rows, strict=True)]


def flat_call(program: Callable[..., Any]) -> Callable[..., Any]:
    """Return a program of tensors that `load_program` returned without torch's parsing of nested arguments at every call.

    It saves about 25 microseconds of each call. Fallback: `program`.
    """
    run = getattr(getattr(program, "loader", None), "boxed_run", None)
    return program if run is None else lambda *tensors: run(list(tensors))


def is_vmapped(tensor: Tensor) -> bool:
    """Return True inside torch.vmap, if `tensor` has a dimension that vmap hides. Fallback: True, which makes callers loop."""
    import torch

    functorch = getattr(torch._C, "_functorch", None)
    return functorch is None or functorch.is_batchedtensor(tensor)


def is_compiled(module: nn.Module) -> bool:
    """Return True if `module.compile()` was called. Fallback: True, which costs one forward and backward pass of warm-up."""
    return getattr(module, "_compiled_call_impl", module) is not None


@contextlib.contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """Context in which calls of `module` run its own code, also if `module.compile()` was called. Fallback: compiled code."""
    name = "_compiled_call_impl"
    compiled = getattr(module, name, None)
    setattr(module, name, None)
    try:
        yield
    finally:
        setattr(module, name, compiled)


def is_batch_norm(module: nn.Module) -> TypeGuard[BatchNorm]:
    """Return True for a batch normalization layer of any kind, SyncBatchNorm and subclasses included.

    Fallback: the public classes.
    """
    from torch.nn.modules import batchnorm

    public = (batchnorm.BatchNorm1d, batchnorm.BatchNorm2d, batchnorm.BatchNorm3d, batchnorm.SyncBatchNorm)
    return isinstance(module, getattr(batchnorm, "_BatchNorm", public))


def trace(function: Callable[..., Any], inputs: Sequence[Tensor]) -> GraphModule:
    """Return the graph of the tensor operations of `function`, traced without computing any.

    Tensors that `function` holds itself, such as the class weights of a loss, become constants of the graph. Fallback: they are
    refused by an exception.
    """
    import inspect

    from torch.fx.experimental.proxy_tensor import make_fx

    name = "_allow_non_fake_inputs"
    private: dict[str, Any] = {name: True} if name in inspect.signature(make_fx).parameters else {}
    return make_fx(function, tracing_mode="fake", **private)(*inputs)


def compile_program(graph: GraphModule, inputs: tuple[Tensor, ...], path: Path) -> None:
    """Compile a graph of tensor operations to machine code in the file `path`, which `load_program` loads. No fallback.

    The compiler's own files are written to a new folder next to `path`, and deleted, except for C++ headers, which torch keeps
    in its own cache (TORCHINDUCTOR_CACHE_DIR).

    Raises:
        RuntimeError: the graph cannot be compiled, for example without a C++ compiler.
    """
    import torch
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.utils import fresh_cache

    try:
        with torch.no_grad(), fresh_cache(dir=str(path.parent)):
            exported = torch.export.export(graph, inputs, strict=False)
            aoti_compile_and_package(exported, package_path=str(path))
    except Exception as error:  # torch wraps the errors of its compiler in many classes
        reason = str(error).strip().partition("\n")[0]
        raise RuntimeError(f"the program could not be compiled: {type(error).__name__}: {reason}") from error


def load_program(path: Path, device: str = "cpu") -> Callable[..., Any]:
    """Return the function that `compile_program` wrote to `path`. No fallback.

    torch unpacks the file into a temporary folder, and deletes this when the process ends normally. For a CPU it holds only a
    library that is in memory after loading, so that it is deleted here: a process that is killed would leave it behind.

    Args:
        path: a file that `compile_program` wrote.
        device: the type of device of its inputs.

    Raises:
        RuntimeError: the file is damaged.
    """
    import tempfile

    from torch._inductor import aoti_load_package

    if device != "cpu":
        return aoti_load_package(str(path), run_single_threaded=True)
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="descentlab-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder
        try:
            return aoti_load_package(str(path), run_single_threaded=True)
        finally:
            os.environ.pop("TMPDIR")
            if before is not None:
                os.environ["TMPDIR"] = before


# torchmetrics


@contextlib.contextmanager
def without_scipy_signal() -> Iterator[None]:
    """Context in which `import scipy.signal` does nothing; the first import of torchmetrics takes 0.8 s less in it.

    Lightning imports torchmetrics, which imports scipy.signal only to add a function that scipy removed, for an old package of
    speech metrics. Afterwards scipy.signal can be imported as always. No fallback: the import takes longer where scipy.signal
    has been imported before.
    """
    import sys
    from types import ModuleType

    name = "scipy.signal"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in = ModuleType(name)
    stand_in.hamming = None  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        del sys.modules[name]


# wandb


@functools.cache
def list_packages_once() -> None:
    """Let W&B list the installed packages once in this process instead of for each W&B run, which takes 0.1 s.

    Fallback: nothing.
    """
    from wandb import util

    listing = getattr(util, "working_set", None)
    if listing is not None:
        util.working_set = functools.cache(lambda: list(listing()))


# wandb-workspaces


def wandb_specification(defined: Workspace | Report) -> dict[str, Any]:
    """Return the JSON values of a W&B workspace or report, which its `save` would write."""
    return defined._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
