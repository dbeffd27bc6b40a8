"""No number in a table stands without n and its interval, or the reason why it has none: in files, console and page."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.page import render
from descentlab.report.statement import statement
from descentlab.report.tables import MEASURES, markdown_tables, write_series
from descentlab.report.tables.console import show_answers
from descentlab.report.tables.results import metrics_table
from descentlab.store.record import Status

TEXTS = {"", "optimizer", "hyperparameters", "settings", "status", "conclusion", "n"}
OF_PAIRS = {"p", "p (permutation)", "p (ranks)", "correlation", "effect size", "wins", "power"}
NUMBER = re.compile(r"-?[\d.,]+(e[+-]?\d+)?%?")
INTERVAL = re.compile(r"-?\S+ (\[\S+, \S+\]|\(equal in all \d+\))( \(\d+ of \d+ reached\))?")
PROBLEMS = ("digits_mlp", "digits_softmax")
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
        elif INTERVAL.fullmatch(text):
            assert cells["n"], (heading, cells)
        elif not text.endswith(SELF_EXPLAINED):
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


class RecordingConsole(Console):
    """A console that also keeps each table that it prints, with the texts that follow it."""

    def __init__(self, width):
        super().__init__(width=width, file=io.StringIO())
        self.tables = []

    def print(self, *objects, **how):
        for each in objects:
            if isinstance(each, Table):
                self.tables.append((each, []))
            elif isinstance(each, Text) and self.tables:
                self.tables[-1][1].append(flat(each.plain))
        super().print(*objects, **how)

    def rows(self):
        """Yield each row of the tables with the texts below its table, except those of costs, which are sums."""
        for table, texts in self.tables:
            headings = [flat(column.header) for column in table.columns]
            for row in zip(*(column.cells for column in table.columns), strict=True):
                if "training" not in headings:
                    yield dict(zip(headings, (flat(cell.plain) for cell in row), strict=True)), " ".join(texts)


class LeadTables(HTMLParser):
    """The rows of the first table of each problem on a page, and the text between each of these tables and the next heading."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.notes, self.state, self.skipped = [], [], "outside", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        classes = (dict(attrs).get("class") or "").split()
        if tag == "table" and "lead" in classes:
            self.state = "table"
            self.rows.append([])
            self.notes.append("")
        elif tag == "h2":
            self.state = "outside"
        elif self.state == "table" and ({"extra", "flag"} & {*classes} or tag == "caption"):
            self.skipped = tag
        elif self.state == "table" and tag == "tr":
            self.rows[-1].append([])
        elif self.state == "table" and tag in ("th", "td"):
            self.rows[-1][-1].append("")

    def handle_endtag(self, tag):
        self.skipped = "" if tag == self.skipped else self.skipped
        self.state = "notes" if (tag, self.state) == ("table", "table") else self.state

    def handle_data(self, data):
        if self.state == "notes":
            self.notes[-1] += data
        elif self.state == "table" and not self.skipped and self.rows[-1] and self.rows[-1][-1]:
            self.rows[-1][-1][-1] += data

    def cells(self):
        """Yield each row as a mapping from headings to texts, with the notes of its table."""
        for (headings, *rows), notes in zip(self.rows, self.notes, strict=True):
            for row in rows:
                yield dict(zip(map(flat, headings), map(flat, row), strict=True)), flat(notes)


def flat(text):
    return " ".join(text.split())


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


@pytest.mark.parametrize("width", [60, 100, 400])
def test_every_cell_of_the_tables_on_the_console(sweep, width):
    console = RecordingConsole(width)
    show_answers(compare(load([sweep])), console)
    rows = list(console.rows())
    assert len(rows) > 1
    for cells, notes in rows:
        assert cells["n"] or cells["status"].startswith("baseline")
        check_row(cells, notes)


def test_every_cell_of_several_problems_on_the_console(make_tuned):
    make_tuned({"adam": 0.9, "sgd": 0.8, "muon": 0.85})
    console = RecordingConsole(100)
    show_answers(compare(load([make_tuned({"adam": 0.9, "sgd": 0.95, "muon": 0.97}, problem="digits_softmax")])), console)
    rows = [(cells, notes) for cells, notes in console.rows() if cells["n"] or cells["optimizer"] not in PROBLEMS]
    assert len(rows) == 2 * (6 + 2)  # 3 optimizers, selected and default; 2 differences
    for cells, notes in rows:
        check_row(cells, notes + " ".join(text for _, texts in console.tables for text in texts))


@pytest.mark.parametrize("by", [None, "steps_to_target"])
def test_every_cell_of_the_lead_table_of_the_page(sweep, by):
    results = load([sweep])
    answers = compare(results, by=by if results.comparisons[0].targets else None)
    rows = list(LeadTables(render(results, answers)).cells())
    assert len(rows) >= len(answers[0].entries)
    for cells, notes in rows:
        difference = next((cells.pop(heading) for heading in list(cells) if heading.startswith("difference from")), "")
        value, _, conclusion = difference.partition("; ")
        assert value in ("", "reference") or (conclusion and (value in ("–", "logrank test") or INTERVAL.fullmatch(value)))
        check_row(cells, notes)


def test_every_cell_of_all_test_metrics(sweep):
    table = metrics_table(compare(load([sweep]))[0])
    for row in [*table.rows, *table.baseline_rows]:
        check_row(dict(zip(table.headings, row, strict=True)), " ".join(table.notes))
