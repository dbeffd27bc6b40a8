"""The last check before a sweep starts: every `_target_` of every run can be imported and takes the keys it is given.

It needs torch, so it runs in a process of its own, forked from the server that has torch loaded.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import TYPE_CHECKING, Any, Self

from descentlab.messages import nearest
from descentlab.sweeps.plan import Job

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from descentlab.optim.needs import Needs

OWN_FILES = ("path", "folder", "hub")  # keys of a data config that say where files are that no digest of ours vouches for
GROUPS = ("data", "model", "task", "optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule", "baseline")


@dataclass(frozen=True)
class Call:
    """What a node will call: the keys it gives, and the classes among them (by key), which may take keys as well."""

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
    """What the runs will call, each once."""
    found = [Call.of(group, job.config[group]) for job in jobs for group in GROUPS if job.config[group] is not None]
    return list(dict.fromkeys(found))


def training(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The part of each config that an optimizer may be at odds with, each once."""
    keys = ("optimizer", "auxiliary", "needs", "groups", "clip", "decay", "lr_decay", "trainer", "budget", "engine")
    keys += ("baseline", "data", "task", "schedule", "momentum_schedule", "decay_schedule", "average", "compile")
    parts = {json.dumps(part): part for job in jobs if (part := {key: job.config[key] for key in keys})}
    return list(parts.values())


def in_a_process_of(server: ForkServerContext, jobs: Sequence[Job]) -> list[str]:
    """What is wrong with the calls that `jobs` will make, a message each."""
    answer = _ask(server, main, (calls(jobs), training(jobs)))
    return ["the process that loads torch died; try python -c 'import descentlab.run'"] if answer is None else answer


def changed_data(server: ForkServerContext, jobs: Sequence[Job], digests: Mapping[str, str]) -> set[str]:
    """The ids of the jobs whose data are not what they were: `digests`, by id. Data that cannot be had now do not count."""
    nodes = {json.dumps(job.config["data"], sort_keys=True): job.config["data"] for job in jobs}
    found: dict[str, str] = _ask(server, digest, nodes) or {}
    now = {job.id: found.get(json.dumps(job.config["data"], sort_keys=True)) for job in jobs}
    return {job.id for job in jobs if now[job.id] not in (None, digests[job.id])}


def may_change(data: Mapping[str, Any]) -> bool:
    """Whether a user's class or a user's files make these data, or a hub's."""
    return not _of_our_class(data) or _of_own_files(data)


def _of_our_class(data: Mapping[str, Any]) -> bool:
    return data["_target_"].startswith("descentlab.")


def _of_own_files(data: Mapping[str, Any]) -> bool:
    return any(data.get(key) for key in OWN_FILES)


def _ask(server: ForkServerContext, question: Callable[..., None], about: Any) -> Any:
    """What `question` sends back from a process of its own; None if it dies."""
    answer, end = server.Pipe(duplex=False)
    process = server.Process(target=question, args=(about, end))
    process.start()
    end.close()
    try:
        return answer.recv()
    except EOFError:
        return None
    finally:
        process.join()


def digest(nodes: Mapping[str, Mapping[str, Any]], answer: Connection) -> None:
    """Send back a digest of the data that each node describes, where they can be loaded."""
    from hydra.utils import instantiate

    found: dict[str, str] = {}
    for key, node in nodes.items():
        with contextlib.suppress(Exception):  # somebody's class
            found[key] = instantiate(node, _convert_="all").splits.digest()
    _send(answer, found)


def _send(answer: Connection, content: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the command was ended while torch loaded
        answer.send(content)


def main(wanted: tuple[Sequence[Call], Sequence[Mapping[str, Any]]], answer: Connection) -> None:
    """Send back one message for each mistake."""
    nodes, configs = wanted
    logging.getLogger("hydra.utils").disabled = True  # what it says of a failed import is said here
    mistakes = [message for call in nodes for message in check(call)]
    mistakes = mistakes or [message for config in configs for message in conflicts(config)]
    _send(answer, mistakes or list(unreadable([config["data"] for config in configs])))


def unreadable(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with users' own files that classes of ours are to read: tables, texts, tokens."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    own = [node for node in nodes if _of_own_files(node) and _of_our_class(node)]  # somebody's class may take an hour
    for node in {json.dumps(node): node for node in own}.values():
        try:
            _ = instantiate(node, _convert_="all").splits
        except (ValueError, InstantiationException) as error:
            yield str(error.__cause__ if isinstance(error, InstantiationException) else error)


def check(call: Call) -> list[str]:
    """What is wrong with `call`; an empty list if nothing is."""
    from hydra.utils import get_object

    try:
        called = get_object(call.target)
        takes, anything = _parameters(called, [get_object(path) for _, path in call.classes])
    except Exception as error:  # importing somebody's module may raise anything
        return [f"{call.group}._target_={call.target} cannot be imported: {_reason(error)}{_cure(call.target, error)}"]
    if anything:
        return []
    return [
        f"{call.group}.{key}: {call.target} takes no {key}{nearest(key, takes)}{_hint(call.group, key)}\n"
        f"  it takes: {', '.join(takes)}"
        for key in call.keys
        if key not in takes
    ]


def _parameters(called: Any, handed_on: Sequence[Any]) -> tuple[list[str], bool]:
    """The keywords that `called` takes, and whether it takes any others, too.

    An optimizer that says so may hand them on to its base classes, or to a class that it is given; where neither takes them,
    some libraries ignore them.
    """
    from torch.optim import Optimizer

    optimizer = inspect.isclass(called) and issubclass(called, Optimizer)
    takes, anything = [], False
    for each in called.__mro__[:-1] if optimizer else (called,):  # up to the first that says all that it takes
        parameters = inspect.signature(each).parameters
        takes += parameters
        anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        if not anything:
            break
    takes += [name for each in handed_on for name in inspect.signature(each).parameters]
    return list(dict.fromkeys(takes)), anything and not optimizer


def conflicts(config: Mapping[str, Any]) -> list[str]:
    """Why the optimizers of `config` would refuse its values, or would not be served by the run they are in."""
    from hydra.utils import get_object

    from descentlab.optim.needs import Needs

    needs = Needs.of(get_object(config["optimizer"]["_target_"]), config["needs"])
    optimizers, mistakes = [], list(needs.conflicts(config))
    for group in (group for group in ("optimizer", "auxiliary") if config[group] is not None):
        try:
            optimizers.append(_tried(group, config[group], needs))
        except Exception as error:  # somebody's class
            mistakes.append(f"{group}: {config[group]['_target_'].rpartition('.')[2]} says: {_reason(error)}")
    mistakes += _idle(config, optimizers) if optimizers else ()
    mistakes += _of_baseline(config) if config["baseline"] else ()
    if config["engine"] == "explicit" and not hasattr(get_object(config["optimizer"]["_target_"]), "rule"):
        mistakes.append(f"engine=explicit takes a rule, which {config['optimizer']['_target_']} is not: optimizer=scratch/...")
    return mistakes


def _of_baseline(config: Mapping[str, Any]) -> Iterator[str]:
    from hydra.utils import get_object

    baseline, task, data = (get_object(config[group]["_target_"]) for group in ("baseline", "task", "data"))
    if not issubclass(task, tuple(baseline.suits)):
        suits = ", ".join(each.__name__ for each in baseline.suits)
        yield f"baseline: {baseline.__name__} stands beside {suits}, not beside {task.__name__}; leave it out"
    if not getattr(data, "in_memory", True):
        yield "baseline: it asks for all training examples at once, and these data are streamed; leave it out"


def _tried(group: str, node: Mapping[str, Any], needs: Needs) -> Optimizer:
    """The optimizer that `node` describes, of weights to try it on; raises what it says to its hyperparameters."""
    import torch
    from hydra.utils import instantiate

    model = torch.nn.Linear(2, 2, bias=False)
    extra = {needs.total_steps: 10_000} if needs.total_steps and group == "optimizer" else {}
    return instantiate(node, _convert_="all")(model if needs.model and group == "optimizer" else model.parameters(), **extra)


def _idle(config: Mapping[str, Any], optimizers: Sequence[Optimizer]) -> Iterator[str]:
    """What around the update would have no effect on `optimizers`, or not the one it has on others."""
    from descentlab.optim.evaluation import has_modes
    from descentlab.optim.needs import varies

    name, groups = type(optimizers[0]).__name__, [group for each in optimizers for group in each.param_groups]
    schedule, decay, own = config["schedule"], config["decay"], has_modes(optimizers[0])
    if not any("lr" in group for group in groups):
        if varies(schedule):
            yield f"schedule: {name} has no learning rate to multiply: schedule=constant schedule.warmup=0"
        if decay["rate"] and decay["kind"] == "decoupled":
            yield f"decay.kind=decoupled is times the learning rate, and {name} has none: decay.kind=independent"
    if config["momentum_schedule"] and not any({"momentum", "betas"} & set(group) for group in groups):
        yield f"momentum_schedule: {name} has no momentum to multiply"
    if config["decay_schedule"] and decay["rate"] is None and not any("weight_decay" in group for group in groups):
        yield f"decay_schedule: {name} has no weight decay to multiply: set decay.rate"
    if own and (config["momentum_schedule"] or schedule.get("momenta")):
        yield f"{name} takes its average with one momentum throughout: no momentum_schedule, and schedule.momenta=null"
    if own and config["average"]["kind"] != "none":
        yield f"{name} is judged by an average of its own: leave average.kind=none"
    if own and decay["rate"] and decay["kind"] != "coupled":
        yield f"decay.rate would shrink only a part of what {name} averages: set optimizer.weight_decay, or decay.kind=coupled"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


LIBRARIES = {"pytorch_optimizer": "pytorch-optimizer", "schedulefree": "schedulefree", "heavyball": "heavyball"}


def _cure(target: str, error: Exception) -> str:
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
    return f" (drop it with ~{group}.{key}, or write conf/{group}/NAME.yaml)"
