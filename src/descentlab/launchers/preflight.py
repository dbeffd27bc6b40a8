"""The last check before a sweep starts: what the runs will import, construct and train on is tried in a separate process.

That process has torch loaded, which the command's own never has. It is forked from the server that the runs are forked from.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from descentlab.config.resolve import OWN_FILES
from descentlab.errors import describe_error
from descentlab.launchers.checks.signatures import calls, check
from descentlab.parallel.post_mortem import cause_of
from descentlab.store.job import Job

PATIENCE = 300.0  # seconds that the check may take, but for reading data: that may fetch them
ENDED = "the check before the start was ended"
GOODBYE = 5.0  # seconds that the process may take to leave
READING = "reading"


@dataclass
class Findings:
    """What the check found: `mistakes` keep the sweep from starting, `notes` are printed once."""

    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def in_a_process_of(server: ForkServerContext, jobs: Sequence[Job], here: bool = True) -> Findings:
    """Try what `jobs` will construct, in a process of `server`.

    Args:
        server: which has torch loaded.
        jobs: to be run.
        here: whether they will run on this machine; if not, what it lacks is no mistake.
    """
    found = Findings()
    with _process(server, main, [job.config for job in jobs], calls(jobs), here) as (process, pipe):
        _listen(pipe, process, found)
    if not here:
        found.notes += [text for text in found.mistakes if text.startswith(ENDED)]
        found.mistakes = [text for text in found.mistakes if not text.startswith(ENDED)]
    return found


@contextlib.contextmanager
def _process(server: ForkServerContext, target: Callable[..., None], *about: Any) -> Iterator[tuple[BaseProcess, Any]]:
    """A process that calls target(*about, connection), and the other end of that connection. It ends with the context."""
    pipe, end = server.Pipe(duplex=False)
    process = server.Process(target=target, args=(*about, end))
    process.start()
    end.close()
    try:
        yield process, pipe
        process.join(GOODBYE)
    finally:
        process.kill()
        process.join()


def _listen(pipe: Any, process: BaseProcess, found: Findings) -> None:
    """Add to `found` what the process sends through `pipe`, until it is done, takes too long for a stage, or dies."""
    stage, since = "loading torch", time.monotonic()
    until = since + PATIENCE
    try:
        while pipe.poll(None if stage.startswith(READING) else max(0.0, until - time.monotonic())):
            kind, text = pipe.recv()
            if kind == "done":
                return
            if kind == "stage":
                began = time.monotonic()
                until += (began - since) if stage.startswith(READING) else 0.0  # reading does not count
                stage, since = text, began
            else:
                (found.mistakes if kind == "mistake" else found.notes).append(text)
        found.notes.append(f"the check was left at {stage} after {PATIENCE:g} s: what fails later shows in the runs")
        process.kill()
    except EOFError:
        process.join()
        found.mistakes.append(f"{ENDED} while {stage}: {cause_of(process.exitcode)}")


def main(configs: Sequence[Mapping[str, Any]], nodes: Sequence[Any], here: bool, answer: Connection) -> None:
    """Send back (kind, text) for each stage, mistake and note."""
    logging.getLogger("hydra.utils").disabled = True  # a failed import is reported here

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
    except BaseException as error:  # user code may even raise SystemExit
        tell("mistake", describe_error(error))
    tell("done", "")


def distinct(configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The configs that differ in what optimizers and engines accept."""
    keys = ("optimizer", "auxiliary", "needs", "groups", "clip", "decay", "lr_decay", "trainer", "budget", "engine")
    keys += ("baseline", "data", "task", "schedule", "momentum_schedule", "decay_schedule", "average", "compile")
    return list({json.dumps({key: config[key] for key in keys}): config for config in configs}.values())


def changed_data(server: ForkServerContext, jobs: Sequence[Job], digests: Mapping[str, str]) -> set[str]:
    """The ids of the jobs whose data are not what they were: `digests`, by id. Data that cannot be had now do not count."""
    nodes = {json.dumps(job.config["data"], sort_keys=True): job.config["data"] for job in jobs}
    found: dict[str, str] = _ask(server, digest, nodes) or {}
    now = {job.id: found.get(json.dumps(job.config["data"], sort_keys=True)) for job in jobs}
    return {job.id for job in jobs if now[job.id] not in (None, digests[job.id])}


def may_change(data: Mapping[str, Any]) -> bool:
    """Whether a user's class or a user's files make these data, or a hub's."""
    return not data["_target_"].startswith("descentlab.") or any(data.get(key) for key in OWN_FILES)


def _ask(server: ForkServerContext, question: Callable[..., None], about: Any) -> Any:
    """What `question` sends back from a process of its own; None if it dies."""
    with _process(server, question, about) as (_, pipe):
        try:
            return pipe.recv()
        except EOFError:
            return None


def digest(nodes: Mapping[str, Mapping[str, Any]], answer: Connection) -> None:
    """Send back a digest of the data that each node describes, where they can be loaded."""
    from hydra.utils import instantiate

    found: dict[str, str] = {}
    for key, node in nodes.items():
        with contextlib.suppress(Exception):  # user code
            found[key] = instantiate(node, _convert_="all").splits.digest()
    _send(answer, found)


def _send(answer: Connection, content: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the command was ended while torch loaded
        answer.send(content)
