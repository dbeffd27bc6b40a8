"""The last check before a sweep starts: every `_target_` of every run can be imported and takes the keys it is given.

It needs torch, so it runs in a process of its own, forked from the server that has torch loaded.
"""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

from descentlab.messages import nearest
from descentlab.sweeps.plan import Job

GROUPS = ("data", "model", "task", "optimizer", "schedule")
Call = tuple[str, str, tuple[str, ...]]  # group, target, keys


def calls(jobs: Sequence[Job]) -> list[Call]:
    """What the runs will call, each once."""
    nodes = [(group, job.config[group]) for job in jobs for group in GROUPS]
    found = [
        (group, node["_target_"], tuple(key for key in node if key not in ("_target_", "_partial_"))) for group, node in nodes
    ]
    return list(dict.fromkeys(found))


def in_a_process_of(server: ForkServerContext, jobs: Sequence[Job]) -> list[str]:
    """What is wrong with the calls that `jobs` will make, a message each."""
    answer = _ask(server, main, calls(jobs))
    return ["the process that loads torch died; try python -c 'import descentlab.run'"] if answer is None else answer


def changed_data(server: ForkServerContext, jobs: Sequence[Job], digests: Mapping[str, str]) -> set[str]:
    """The ids of the jobs whose data are not what they were: `digests`, by id. Data that cannot be had now do not count."""
    nodes = {json.dumps(job.config["data"], sort_keys=True): job.config["data"] for job in jobs}
    found: dict[str, str] = _ask(server, digest, nodes) or {}
    now = {job.id: found.get(json.dumps(job.config["data"], sort_keys=True)) for job in jobs}
    return {job.id for job in jobs if now[job.id] not in (None, digests[job.id])}


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


def main(wanted: Sequence[Call], answer: Connection) -> None:
    """Send back one message for each mistake."""
    _send(answer, [message for call in wanted for message in check(*call)])


def check(group: str, target: str, keys: Sequence[str]) -> list[str]:
    """What is wrong with calling `target` with `keys`; an empty list if nothing is."""
    from hydra.utils import get_object

    try:
        parameters = inspect.signature(get_object(target)).parameters
    except Exception as error:  # importing somebody's module may raise anything
        reason = " ".join(str(error).split())
        cure = "; put the folder that holds it on PYTHONPATH" if "ModuleNotFoundError" in reason else ""
        return [f"{group}._target_={target} cannot be imported: {reason}{cure}"]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return []
    return [
        f"{group}.{key}: {target} takes no {key}{nearest(key, parameters)}{_hint(group, key)}\n"
        f"  it takes: {', '.join(parameters)}"
        for key in keys
        if key not in parameters
    ]


def _hint(group: str, key: str) -> str:
    return f" (drop it with ~{group}.{key}, or write conf/{group}/NAME.yaml)"
