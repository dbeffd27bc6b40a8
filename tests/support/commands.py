"""Running the commands of the project: in a separate process, or in the process of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import ROOT

from descentlab import cli

TRAIN = ROOT / "train.py"


def run_script(script: Path, *words: str, cwd: Path | None = None, timeout: float = 300, **environment: str):
    """Run a script of the project in a separate process, and return the finished process with its output as text.

    Args:
        script: TRAIN, or a file in scripts/.
        words: the words of its command line.
        cwd: the folder to run it in.
        timeout: seconds after which it is killed and the test fails.
        environment: variables to set.
    """
    every = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    line = [sys.executable, str(script), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=timeout, cwd=cwd, env=every)


def run_here(words: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run train.py with `words` in this process. Return the exit code and the output, standard error included."""
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit) as leaving:
        cli.main(ROOT / "conf")
    output = capsys.readouterr()
    return int(leaving.value.code or 0), output.out + output.err
