"""The last check before a sweep starts: what the runs will import, construct and train on is tried in a process of its own.

That process has torch loaded, which the command's own never has. It is forked from the server that the runs are forked from.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from descentlab.messages import described
from descentlab.sweeps.child import how_it_ended
from descentlab.sweeps.plan import Job
from descentlab.sweeps.signatures import calls, check

OWN_FILES = ("path", "folder", "hub")  # keys of a data config that say where files are that no digest of ours vouches for
PATIENCE = 120.0  # seconds that a stage may take before it is left out; reading data may take longer: it may fetch them
GOODBYE = 5.0  # seconds that the process may take to leave
READING = "reading"


@dataclass
class Findings:
    """What the check found: `mistakes` keep the sweep from starting, `notes` are printed once."""

    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def in_a_process_of(server: ForkServerContext, jobs: Sequence[Job]) -> Findings:
    """Try what `jobs` will construct, in a process of `server`, which ends with this call however it is left."""
    pipe, end = server.Pipe(duplex=False)
    process = server.Process(target=main, args=([job.config for job in jobs], calls(jobs), end))
    process.start()
    end.close()
    found = Findings()
    try:
        _listen(pipe, process, found)
        process.join(GOODBYE)
    finally:
        process.kill()
        process.join()
    return found


def _listen(pipe: Any, process: BaseProcess, found: Findings) -> None:
    """Add to `found` what the process sends through `pipe`, until it is done, takes too long for a stage, or dies."""
    stage = "loading torch"
    try:
        while pipe.poll(None if stage.startswith(READING) else PATIENCE):
            kind, text = pipe.recv()
            if kind == "done":
                return
            if kind == "stage":
                stage = text
            else:
                (found.mistakes if kind == "mistake" else found.notes).append(text)
        found.notes.append(f"checked up to {stage}, which took more than {PATIENCE:g} s: what fails there shows in the runs")
        process.kill()
    except EOFError:
        process.join()
        ended = how_it_ended(process.exitcode).partition(" before its record")[0].partition("; see")[0]
        found.mistakes.append(f"the check before the start was ended while {stage}: {ended}")


def main(configs: Sequence[Mapping[str, Any]], nodes: Sequence[Any], answer: Connection) -> None:
    """Send back (kind, text) for each stage, mistake and note."""
    logging.getLogger("hydra.utils").disabled = True  # a failed import is reported here

    def tell(kind: str, text: str) -> None:
        _send(answer, (kind, text))

    try:
        tell("stage", "importing the classes")
        mistakes = [message for node in nodes for message in check(node)]
        if not mistakes:
            from descentlab.rehearsal import Rehearsals
            from descentlab.sweeps.conflicts import conflicts

            mistakes = [message for config in distinct(configs) for message in conflicts(config)]
            for kind, text in () if mistakes else Rehearsals().try_all(configs):
                tell(kind, text)
        for message in mistakes:
            tell("mistake", message)
    except BaseException as error:  # somebody's class may even call sys.exit
        tell("mistake", described(error))
    tell("done", "")


def distinct(configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The configs of which an optimizer may think differently: those that differ in more than seeds and names."""
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
