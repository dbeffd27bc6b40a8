"""Pages of all kinds of sweeps for tests in a browser, made by short training or by the writer of synthetic sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from conftest import ROOT

from descentlab.report.page import build
from support.commands import TRAIN, run_script
from support.lab import Lab

WRITER = ROOT / "scripts" / "benchmarks" / "synthetic_sweep.py"
SHORT = ("budget.epochs=null", "budget.steps=60", "validate_every=20", "log_every=3")
DIGITS = ("problem=digits_mlp", *SHORT)
DETECTOR = ("problem=fashion_scenes_detector", "data.scenes=[40,10,10]", "optimizer=adam,sgd")
FEW_STEPS = ("budget.epochs=null", "budget.steps=4", "validate_every=2", "log_every=1")
GPT = ("problem=shakespeare_gpt", "model.width=16", "model.layers=1", "model.heads=2", "data.length=16", "data.stride=4")

TRAINED: Mapping[str, tuple[str, ...]] = {
    "2 runs": (*DIGITS, "optimizer=adam,sgd"),
    "6 runs": (*DIGITS, "optimizer=adam,sgd", "seed=0,1,2"),
    "function": ("problem=rosenbrock", "optimizer=adam,sgd", "budget.steps=60"),
    "detector": (*DETECTOR, *FEW_STEPS),
    "language model": (*GPT, *SHORT, "optimizer=adam,sgd"),
    "diverged": (*DIGITS, "optimizer=sgd", "optimizer.lr=0.1,1e6"),
}
SYNTHETIC = {"48 runs": 48, "1,000 runs": 1000}
FAILED = "failed"
KINDS = (*TRAINED, FAILED, *SYNTHETIC)
WITH_RUN_PAGES = (*TRAINED, FAILED)

PageOf = Callable[[str], Path]


def write_page(kind: str, folder: Path) -> Path:
    """Write a sweep of one of KINDS into `folder`, and return the path of its page, which lies in the folder of the sweep."""
    if kind in SYNTHETIC:
        run_script(WRITER, str(folder / "s"), "--runs", str(SYNTHETIC[kind])).check_returncode()
        return build([folder / "s"], folder / "s")
    if kind == FAILED:
        Lab.at(folder).run("+model.fault=none,raise-mid", "retries=0")
        return folder / "out/s/report.html"
    words = [*TRAINED[kind], "logger=none", "sweep=s", f"output_dir={folder}", f"data_dir={ROOT}/data"]
    if kind == "language model":
        (folder / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 100)
        words += [f"data.path={folder}/text.txt", "data.vocabulary=null"]
    run_script(TRAIN, "-m", *words, cwd=folder).check_returncode()
    return folder / "s/report.html"
