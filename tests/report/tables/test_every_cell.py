"""No number in a table stands without n and its interval, or the reason why it has none."""

from __future__ import annotations

import csv
import io
import re

import pytest
from rich.console import Console

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.statement import statement
from descentlab.report.tables import MEASURES, markdown_tables, write_series
from descentlab.report.tables.console import show_answers
from descentlab.report.tables.results import metrics_table
from descentlab.store.record import Status

TEXTS = {"", "optimizer", "hyperparameters", "status", "conclusion", "n"}
OF_PAIRS = {"p", "p (permutation)", "p (ranks)", "correlation", "effect size", "wins", "power"}
NUMBER = re.compile(r"-?[\d.,]+(e[+-]?\d+)?%?")
INTERVAL = re.compile(r"-?\S+ (\[\S+, \S+\]|\(equal in all \d+\))( \(\d+ of \d+ reached\))?")
NOTES = {  # a cell without an interval -> its explanation
    "–": "–: not measured",
    " seeds": "k of n seeds: the other runs lack the number",
    " reached": "k of n reached: the time has no mean",
}
SELF_EXPLAINED = ("not reached", "undefined", "logrank test", "one seed gives no interval", "runs have a value")


def check_row(cells, notes):
    """Fail if a cell of a row (heading -> text) is a number without an interval whose reason is missing."""
    is_baseline = cells.get("status", "").startswith(("baseline", "failed"))
    for heading, text in cells.items():
        if heading in TEXTS or (heading in OF_PAIRS and ("Only the difference has an interval" in notes or heading == "p")):
            continue
        if NUMBER.fullmatch(text):
            single = cells["n"] == "1" and re.search(r"(?i)one seed \(n = 1\) gives no interval", notes)
            baseline = cells["n"] == "" and "a baseline is fitted once, without seeds" in notes
            assert single or baseline, (heading, cells, notes)
        elif not INTERVAL.fullmatch(text) and not text.endswith(SELF_EXPLAINED):
            no_run = cells["n"] == "0" and (cells.get("status") or "diverged" in "".join(cells.values()))
            reason = next((note for end, note in NOTES.items() if text.endswith(end)), "nothing explains this cell")
            assert no_run or is_baseline or cells.get("conclusion") or "gain" in cells or reason in notes, (text, cells, notes)


def markdown_rows(text):
    """Yield each row of the tables of a text with the notes below its table, except those of costs, which are sums."""
    for block in re.findall(r"((?:^\|.*\n)+)((?:\n- .*|\n)*)", text, re.MULTILINE):
        headings, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block[0].splitlines()]
        for row in rows:
            cells = dict(zip(headings, [cell.strip("| ") for cell in row], strict=True))
            if "training" not in cells:
                yield cells, block[1]


def write_grid(make_run, seeds, monitor="accuracy", mode="max", change=None, **more):
    """Write these seeds of two optimizers with two rates each; `change` returns other fields of a run."""
    for name, shift in (("adam", 0.0), ("sgd", 0.03)):
        for lr in (0.1, 0.2):
            for seed in range(seeds):
                value = 0.9 - shift + lr / 50 + (seed * 7 % 5) / 200
                parts = {monitor: value, "loss": 1 - value}
                summary = {"best_valid": value, "test": parts, "valid": parts, "monitor": monitor, "mode": mode, "steps": 200}
                summary |= {"steps_to_target": 40 + seed if seed % 2 == 0 else None} | more
                fields = {"summary": summary, "config": {"task": {"monitor": monitor, "mode": mode}}}
                make_run(name, lr=lr, seed=seed, **fields | (change(name, seed, summary) if change else {}))


def diverge(name, seed, summary):
    return {"status": Status.DIVERGED, "summary": {"test": {}, "best_valid": None, "diverged_step": 3}}


def diverge_or_fail(name, seed, summary):
    lost = {"test": {}, "best_valid": None}
    if name == "adam":
        return {}
    return {"status": Status.FAILED, "summary": lost} if seed else {"status": Status.DIVERGED, "summary": lost}


def equal(name, seed, summary):
    return {"summary": summary | {"best_valid": 0.5, "test": {"accuracy": 0.5}, "train_seconds": 1.0}}


def partly_undefined(name, seed, summary):
    lost = {"test": {"accuracy": None}, "undefined": {"test/accuracy": "no positive"}}
    return {"summary": summary | lost} if seed == 1 else {}


CASES = {
    "one seed": {"seeds": 1},
    "three seeds": {"seeds": 3},
    "five seeds": {"seeds": 5},
    "all diverged": {"seeds": 2, "change": diverge},
    "one diverged, others failed": {"seeds": 3, "change": diverge_or_fail},
    "equal values": {"seeds": 3, "change": equal},
    "undefined": {"seeds": 4, "change": partly_undefined},
    "regression": {
        "seeds": 3,
        "monitor": "rmse",
        "mode": "min",
        "baseline": {"name": "normal_equation", "test": {"rmse": 0.4}},
    },
    "autoencoder": {"seeds": 2, "monitor": "mse", "mode": "min"},
    "test function": {"seeds": 2, "monitor": "loss", "mode": "min", "gap": 0.1, "target": None},
    "tokens": {"seeds": 3, "tokens_per_second": 1000.0, "gradient_evaluations": 400},
}


@pytest.fixture(params=["tuned", *CASES])
def sweep(request, make_run, make_tuned, tmp_path):
    if request.param == "tuned":
        return make_tuned({"muon": 0.95, "adam": 0.9, "sgd": 0.8}, unfinished=["sgd"])
    write_grid(make_run, **CASES[request.param])
    return tmp_path / "sweep"


@pytest.mark.parametrize("by", [None, "steps_to_target", "train_seconds", "train/loss"])
def test_every_cell_of_the_tables(sweep, tmp_path, by):
    by = by if load([sweep]).comparisons[0].targets or by != "steps_to_target" else None
    answers = compare(load([sweep]), by=by)
    rows = list(markdown_rows(markdown_tables(answers)))
    assert len(rows) > 1
    for cells, notes in rows:
        check_row(cells, notes)
    write_series(answers, tmp_path / "table.csv")
    for row in csv.DictReader((tmp_path / "table.csv").open()):
        for key in (*(measure.key for measure in MEASURES), "compared"):
            assert row[f"{key}_interval"], (key, row)
            assert bool(row[f"{key}_low"]) is not (row[f"{key}_interval"] in ("one seed", "no interval") or not row[key])
        assert row["n"]
    best, text = answers[0].best.estimate, statement(answers[0])
    assert best is None or "(no interval)" in text or re.search(r"\[\S+, \S+\]|\(equal in all", text)


def test_the_console_explains_its_cells_as_the_other_tables_do(sweep):
    answers = compare(load([sweep]))
    console = Console(width=400, file=io.StringIO(), record=True)
    show_answers(answers, console)
    shown = " ".join(console.export_text().split())
    table = markdown_tables(answers).partition("\n\nDifference")[0]
    notes = [note for note in re.findall(r"^- (.*)$", table.partition("\n| ")[2], re.MULTILINE) if not note.startswith("Only")]
    assert [note for note in notes if note not in shown] == []


def test_every_cell_of_all_test_metrics(sweep):
    table = metrics_table(compare(load([sweep]))[0])
    for row in [*table.rows, *table.baseline_rows]:
        check_row(dict(zip(table.headings, row, strict=True)), " ".join(table.notes))
