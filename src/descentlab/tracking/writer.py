"""Write the W&B runs of a sweep after training, in one separate process. Never imports wandb."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from descentlab.store.job import Job
from descentlab.store.record import TRACKED, Record
from descentlab.tracking import mark
from descentlab.tracking.credentials import may_be_online

LIBRARY = "descentlab.tracking.writer_process"  # the module that the process executes
PATIENCE = 120.0  # seconds that the process may take for a summary, or without writing anything of a run
SHORT = 1.0  # seconds of waiting without a message
POLL = 0.02  # seconds


class Writer:
    """Writes the W&B runs of ended runs, and the summary of a sweep. Use as a context manager.

    `expect` or the first run to write starts the process. Leaving the context because of an exception, such as Ctrl-C, ends it
    at once; a run without a complete W&B run has no mark, and the next command writes it.

    Args:
        notify: receives the messages for the user.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self.notify = notify
        self.process: subprocess.Popen[str] | None = None
        self.log: IO[str] | None = None  # standard error of the process
        self.added: set[Path] = set()
        self.pending: deque[Path] = deque()  # folders whose runs are not known to be written, in the order of writing
        self.errors: list[str] = []  # one for each run that could not be written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.wait()
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # `wait` has reported it
                self._end()
        elif self.process is not None:
            self._kill(self.process)
            if any(not (folder / TRACKED).exists() for folder in self.pending):
                self.notify("rerun the same command to write the rest to W&B")
        if self.log is not None:
            self.log.close()

    def expect(self, jobs: Iterable[Job]) -> None:
        """Start the process, which takes a second to import wandb, if it will write any of `jobs` after its end."""
        written_later = (job.core.logger.project and not job.core.logger.live for job in jobs)
        if os.environ.get("WANDB_MODE") != "disabled" and not may_be_online() and any(written_later):
            with contextlib.suppress(OSError):  # `add` reports it
                self._start()

    def add(self, record: Record, folder: Path) -> None:
        """Let the process write the run that ended in `folder`, unless it has no logger or W&B already has it."""
        folder = folder.resolve()
        if os.environ.get("WANDB_MODE") == "disabled" or folder in self.added or not mark.is_unwritten(record, folder):
            return
        self.added.add(folder)
        try:
            mark.unmark(folder)
            self._send({"run": str(folder)})
            self.pending.append(folder)
        except OSError as error:  # the folder is read-only, or the process has ended
            self.errors.append(self._last_line() or str(error))

    def wait(self) -> None:
        """Wait until all runs are written, and report how many could not be, with the first error."""
        began = progressed = time.monotonic()
        announced = False
        while self.pending:
            now = time.monotonic()
            if self._take_written():
                progressed = now
            elif cause := self._fault(now - progressed):
                self.errors += [cause] * len(self.pending)
                self.pending.clear()
            elif not announced and now - began > SHORT:
                announced = True
                self.notify(f"writing {_format_runs(len(self.pending))} to W&B")
            else:
                time.sleep(POLL)
        if self.errors:
            failed = _format_runs(len(self.errors))
            self.notify(f"Weights & Biases: {failed} could not be written, the same command tries again: {self.errors[0]}")
            self.errors.clear()

    def write_summary(self, content: Mapping[str, Any]) -> str:
        """Write the summary of the sweep, wait for it, and return a message if it could not be written, otherwise "".

        Args:
            content: as `summary.content` returns it.
        """
        try:
            self._send({"summary": content})
            code = self._end()
        except subprocess.TimeoutExpired as error:
            return str(error)
        except OSError as error:  # the process has ended
            return self._last_line() or str(error)
        return self._last_line() if code else ""

    def _start(self) -> subprocess.Popen[str]:
        """Start the process, and return it."""
        self.log = self.log or tempfile.NamedTemporaryFile("w")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", LIBRARY],  # -P: a file of the user in the current folder replaces no module
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"},
            process_group=0,  # Ctrl-C reaches only the parent
        )
        return self.process

    def _send(self, message: Mapping[str, Any]) -> None:
        """Send a message to the process, which is started by the first one."""
        process = self.process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps(message, default=str) + "\n")
        process.stdin.flush()

    def _end(self) -> int:
        """Let the process end, and return its exit code.

        Raises:
            OSError: it has ended already.
            subprocess.TimeoutExpired: it did not end within PATIENCE seconds, and was killed.
        """
        if self.process is None:
            return 0
        process = self.process
        try:
            self._send({"end": True})
            return process.wait(PATIENCE)
        finally:
            self._kill(process)

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """Kill the process, unless it has ended, and close the pipe to it."""
        self.process = None
        process.kill()
        process.wait()
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # a message that it did not read
            process.stdin.close()

    def _take_written(self) -> bool:
        """Remove the first pending folder if its run is written, and return True if it is."""
        if not (self.pending[0] / TRACKED).exists():
            return False
        if error := mark.error_of(self.pending.popleft()):
            self.errors.append(error)
        return True

    def _fault(self, seconds: float) -> str:
        """Return the reason why the process will write nothing more, or an empty text; kill it if it hangs.

        Args:
            seconds: seconds since the last run was written.
        """
        assert self.process is not None
        if (code := self.process.poll()) is not None:
            return self._last_line() or f"its process exited with code {code}"
        if seconds > PATIENCE and not self._is_growing():
            self.process.kill()
            return f"nothing was written within {PATIENCE:g} seconds"
        return ""

    def _is_growing(self) -> bool:
        """Return True if a W&B run of the sweep was written to within PATIENCE seconds, as for a run with many rows."""
        logs = (self.pending[0].parent / "wandb").glob("*run-*/*.wandb")
        return time.time() - max((log.stat().st_mtime for log in logs), default=0.0) < PATIENCE

    def _last_line(self) -> str:
        """Return the last line that the process printed about an error."""
        lines = Path(self.log.name).read_text().strip().splitlines() if self.log else []
        return lines[-1] if lines else ""


def _format_runs(number: int) -> str:
    return f"{number} run{'s' * (number > 1)}"
