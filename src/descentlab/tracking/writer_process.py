"""The process that writes W&B runs offline: `python -m descentlab.tracking.writer_process`, started by `tracking.writer`.

It reads a JSON object per line: {"run": FOLDER} writes the run that ended in FOLDER, {"summary": CONTENT} the summary of a
sweep (see `summary.content`), and {"end": true} ends the process. If the input ends without it, the command is gone, and the
process ends at once: the next command writes the rest.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from descentlab.tracking.ended import write_ended
from descentlab.tracking.mark import mark_written
from descentlab.tracking.summary_run import write_summary_run

NICENESS = 10  # the runs that still train come first
Message = dict[str, Any]


def main() -> None:
    """Carry out the messages of the standard input."""
    os.nice(NICENESS)
    messages: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    while "end" not in (message := messages.get()):
        if "run" in message:
            _write_run(Path(message["run"]))
        else:
            write_summary_run(message["summary"])


def _write_run(folder: Path) -> None:
    """Write the run that ended in `folder`; an error is stored in its mark, for which the command waits."""
    try:
        write_ended(folder)
    except Exception as error:
        mark_written(folder, f"{type(error).__name__}: {error}")


def _receive(messages: SimpleQueue[Message]) -> None:
    """Pass on the messages as they come, so that the command never waits for W&B to send one."""
    for line in sys.stdin:
        messages.put(message := json.loads(line))
        if "end" in message:
            return
    os._exit(1)


if __name__ == "__main__":
    main()
