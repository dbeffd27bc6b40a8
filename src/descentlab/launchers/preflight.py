"""The preflight check: a separate process imports, constructs and tries the parts of the runs before they start.

The process has torch loaded, unlike the process of the command. It is forked from the same server as the runs.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from descentlab.config.identity import config_key
from descentlab.config.resolve import OWN_FILES
from descentlab.errors import MEMORY, describe_error
from descentlab.launchers import processes
from descentlab.launchers.checks.signatures import calls, check
from descentlab.parallel.post_mortem import cause_of
from descentlab.store.job import Job

PATIENCE = 300.0  # maximum duration of the check in seconds, excluding the reading of data, which may include downloads
ENDED = "the check before the start was ended"
EXIT = 5.0  # seconds that the process may take to exit
READING = "reading"

_alive: set[BaseProcess] = set()  # processes of checks and questions of all threads


@dataclass
class Findings:
    """The results of the check: `mistakes` prevent the sweep from starting, `notes` are printed once."""

    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StepRequest:
    """A config whose steps are counted and, if `is_timed`, timed."""

    config: Mapping[str, Any]
    is_timed: bool = True


@dataclass(frozen=True)
class StepCost:
    """The cost of the steps of a run.

    Attributes:
        steps: the number of its steps; None if only seconds bound the run, or if its data or plan cannot be made.
        seconds: seconds of a step; None if it was not timed, or cannot be timed on this machine.
    """

    steps: int | None = None
    seconds: float | None = None


def check_in_process(server: ForkServerContext, jobs: Sequence[Job], here: bool = True) -> Findings:
    """Take the trial steps of `jobs` in a process of `server`.

    Args:
        server: a fork server that has torch loaded.
        jobs: the jobs to check.
        here: True if they will run on this machine; otherwise resources that it lacks are notes, not mistakes.
    """
    found = Findings()
    with _process(server, main, [job.config for job in jobs], calls(jobs), here) as (process, pipe):
        _listen(pipe, process, found)
    if not here:
        found.notes += [text for text in found.mistakes if may_pass(text)]
        found.mistakes = [text for text in found.mistakes if not may_pass(text)]
    return found


def may_pass(mistake: str) -> bool:
    """Return True if the check was ended or lacked memory: the cause may be the load of the machine, not the run."""
    return mistake.startswith(ENDED) or any(sign in mistake for sign in MEMORY)


@contextlib.contextmanager
def _process(server: ForkServerContext, target: Callable[..., None], *about: Any) -> Iterator[tuple[BaseProcess, Any]]:
    """Start a process that calls target(*about, connection); yield it and the other end of the connection. End it on exit."""
    pipe, end = server.Pipe(duplex=False)
    process = server.Process(target=target, args=(*about, end))
    processes.start(process)
    _alive.add(process)
    end.close()
    try:
        yield process, pipe
        processes.wait_for(process, EXIT)
    finally:
        process.kill()
        processes.wait_for(process)
        _alive.discard(process)


def end_checks() -> None:
    """Kill the processes of the checks that other threads run, which makes these checks return."""
    for process in list(_alive):
        process.kill()


def _listen(pipe: Any, process: BaseProcess, found: Findings) -> None:
    """Add to `found` the messages that the process sends through `pipe`, until it is done, takes too long, or dies."""
    stage, since = "loading torch", time.monotonic()
    until = since + PATIENCE
    try:
        while pipe.poll(None if stage.startswith(READING) else max(0.0, until - time.monotonic())):
            kind, text = pipe.recv()
            if kind == "done":
                return
            if kind == "stage":
                began = time.monotonic()
                until += (began - since) if stage.startswith(READING) else 0.0  # the time spent on reading data does not count
                stage, since = text, began
            else:
                (found.mistakes if kind == "mistake" else found.notes).append(text)
        found.notes.append(f"the check was stopped at {stage} after {PATIENCE:g} s; the runs will show what else fails")
        process.kill()
    except EOFError:
        found.mistakes.append(f"{ENDED} while {stage}: {cause_of(processes.wait_for(process))}")


def main(configs: Sequence[Mapping[str, Any]], nodes: Sequence[Any], here: bool, answer: Connection) -> None:
    """Send back (kind, text) for each stage, mistake and note."""
    logging.getLogger("hydra.utils").disabled = True  # failed imports are reported below instead

    def tell(kind: str, text: str) -> None:
        _send(answer, (kind, text))

    try:
        tell("stage", "importing the classes")
        mistakes = [message for node in nodes for message in check(node)]
        if not mistakes:
            from descentlab.launchers.checks.conflicts import conflicts
            from descentlab.launchers.checks.rehearsal import Rehearsals

            mistakes = [message for config in distinct(configs) for message in conflicts(config)]
            for kind, text in () if mistakes else Rehearsals(here).try_all(configs):
                tell(kind, text)
        for message in mistakes:
            tell("mistake", message)
    except BaseException as error:  # user code may raise anything, including SystemExit
        tell("mistake", describe_error(error))
    tell("done", "")


def distinct(configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the configs that differ in the nodes that optimizers and engines check."""
    keys = ("optimizer", "auxiliary", "needs", "groups", "clip", "decay", "lr_decay", "trainer", "budget", "engine")
    keys += ("baseline", "data", "task", "schedule", "momentum_schedule", "decay_schedule", "average", "compile")
    return list({config_key({key: config[key] for key in keys}): config for config in configs}.values())


def digests_of(server: ForkServerContext, nodes: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Return the digest of the data of each node; None for data that cannot be read."""
    return _answers(server, _digest, nodes)


def measure_steps(server: ForkServerContext, requests: Sequence[StepRequest]) -> list[StepCost]:
    """Return the cost of the steps of each config, timed on this machine. A config that causes an error has no numbers."""
    return [cost or StepCost() for cost in _answers(server, _measure, requests)]


def may_change(data: Mapping[str, Any]) -> bool:
    """Return True if the data come from a user's class, a user's files or a hub, and so have no version."""
    return not data["_target_"].startswith("descentlab.") or any(data.get(key) for key in OWN_FILES)


def _answers(server: ForkServerContext, question: Callable[..., None], items: Sequence[Any]) -> list[Any]:
    """Return the answer to each item that `question` sends from a separate process; None for an item that ends the process."""
    found: list[Any] = []
    while len(found) < len(items):
        with _process(server, question, items[len(found) :]) as (_, pipe), contextlib.suppress(EOFError):
            while True:
                found.append(pipe.recv())
        if len(found) < len(items):
            found.append(None)
    return found


def _measure(requests: Sequence[StepRequest], answer: Connection) -> None:
    """Send back the cost of the steps of each request."""
    from descentlab.launchers.checks.timing import StepTimer

    _send_each(StepTimer().measure, requests, answer)


def _digest(nodes: Sequence[Mapping[str, Any]], answer: Connection) -> None:
    """Send back the digest of the data of each node."""
    from hydra.utils import instantiate

    _send_each(lambda node: instantiate(node, _convert_="all").splits.digest(), nodes, answer)


def _send_each(function: Callable[[Any], Any], items: Sequence[Any], answer: Connection) -> None:
    """Send back function(item) for each item; None if it raises."""
    for item in items:
        found = None
        with contextlib.suppress(Exception, SystemExit):  # user code
            found = function(item)
        _send(answer, found)


def _send(answer: Connection, content: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the command ended while torch was loading
        answer.send(content)
