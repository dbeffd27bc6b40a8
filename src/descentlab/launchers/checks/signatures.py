"""Check that every `_target_` of a config can be imported, is of the right kind, and takes the keys that it is given."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from descentlab.config.shape import NAMED_PARTS, named_parts
from descentlab.errors import nearest, one_line
from descentlab.store.job import Job

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
GROUPS = ("data", "model", "task", "optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule", "baseline")


@dataclass(frozen=True)
class Call:
    """The call that a node of the config describes: its class, the keywords, and the classes among their values, by keyword."""

    group: str
    target: str
    keys: tuple[str, ...]
    classes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, group: str, node: Mapping[str, Any]) -> Self:
        keys = tuple(key for key in node if key not in ("_target_", "_partial_"))
        inner = [(key, node[key]) for key in keys if isinstance(node[key], dict) and "_target_" in node[key]]
        classes = [(key, value["path"]) for key, value in inner if value["_target_"] == "hydra.utils.get_class"]
        return cls(group, node["_target_"], keys, tuple(classes))


def calls(jobs: Sequence[Job]) -> list[Call]:
    """Return the calls of all runs, each once."""
    found = [Call.of(group, job.config[group]) for job in jobs for group in GROUPS if job.config[group] is not None]
    parts = [(node, named_parts(job.config, node)) for job in jobs for node in NAMED_PARTS]
    named = [(f"{node}.{name}", part) for node, own in parts for name, part in own.items()]
    return list(dict.fromkeys([*found, *(Call.of(group, part) for group, part in named)]))


def check(call: Call) -> list[str]:
    """Return a message for each mistake in `call`."""
    from hydra.utils import get_object

    try:
        called = get_object(call.target)
        passed_on = [get_object(path) for _, path in call.classes]
    except BaseException as error:  # importing user code may raise anything, SystemExit included
        return [f"{call.group}._target_={call.target} cannot be imported: {one_line(error)}{_fix(call.target, error)}"]
    if (kind := _kinds().get(call.group)) and not _may_give(called, kind):
        return [f"{call.group}._target_={call.target} is not a {kind.__module__.partition('.')[0]} {kind.__name__}"]
    takes, anything = parameters(called, passed_on)
    if anything:
        return []
    return [
        f"{call.group}.{key}: {call.target} takes no {key}{nearest(key, takes)}{_hint(call.group, key)}\n"
        f"  it takes: {', '.join(takes)}"
        for key in call.keys
        if key not in takes
    ]


def _kinds() -> dict[str, type]:
    """Return the class whose instances each group must give."""
    from torch.nn import Module
    from torch.optim import Optimizer

    from descentlab.data.loading.tensors import Data
    from descentlab.optim.schedules import Schedule
    from descentlab.tasks.base import Task

    schedules = dict.fromkeys(("schedule", "momentum_schedule", "decay_schedule"), Schedule)
    return {"data": Data, "model": Module, "task": Task, "optimizer": Optimizer, "auxiliary": Optimizer, **schedules}


def _may_give(called: Any, kind: type) -> bool:
    """Return False if calling `called` cannot give a `kind`: another class, or a function of the standard library."""
    if inspect.isclass(called):
        return issubclass(called, kind) or any("__new__" in vars(each) for each in called.__mro__ if _is_user_code(each))
    module = (getattr(called, "__module__", None) or "").partition(".")[0]
    return callable(called) and module not in sys.stdlib_module_names


def _is_user_code(cls: type) -> bool:
    """Return True if `cls` is defined outside of the standard library."""
    return cls.__module__.partition(".")[0] not in sys.stdlib_module_names


def parameters(called: Any, passed_on: Sequence[Any] = ()) -> tuple[list[str], bool]:
    """Return the keywords that `called` accepts, and True if it accepts others as well.

    A class with **keywords may pass them to its base classes, or to a class that it is given (`passed_on`). A keyword of an
    optimizer that neither takes counts as unknown, since some libraries ignore it.
    """
    from torch.optim import Optimizer

    from descentlab.data.loading.tensors import Data, DataProperties

    takes, anything = [], False
    for each in called.__mro__[:-1] if inspect.isclass(called) else (called,):  # the bases up to the first without **keywords
        if each is Data:  # Data refuses other properties
            return list(dict.fromkeys([*takes, *DataProperties.__annotations__])), False
        try:
            found = inspect.signature(each).parameters
        except (TypeError, ValueError):  # a class implemented in C
            return takes, True
        takes += [name for name, parameter in found.items() if parameter.kind not in VARIADIC]
        anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in found.values())
        if not anything:
            break
    takes += [name for each in passed_on for name in inspect.signature(each).parameters]
    return list(dict.fromkeys(takes)), anything and not (inspect.isclass(called) and issubclass(called, Optimizer))


LIBRARIES = {"pytorch_optimizer": "pytorch-optimizer", "schedulefree": "schedulefree", "heavyball": "heavyball"}


def _fix(target: str, error: BaseException) -> str:
    if "ModuleNotFoundError" not in str(error) and not isinstance(error.__cause__, ModuleNotFoundError):
        return ""
    if library := LIBRARIES.get(target.partition(".")[0]):
        return f"; pip install {library}"
    module, _, name = target.rpartition(".")
    try:
        return nearest(name, dir(importlib.import_module(module)))
    except ImportError:
        return "; put the folder that holds it on PYTHONPATH"


def _hint(group: str, key: str) -> str:
    return f" (drop it with ~{group}.{key}, or write conf/{group.partition('.')[0]}/NAME.yaml)"
