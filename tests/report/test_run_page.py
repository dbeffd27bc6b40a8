"""The page of one run."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from descentlab.report import run_page
from descentlab.report.load import load
from descentlab.report.page import build
from descentlab.report.run_page import LIBRARY, render_run, write_run_pages
from descentlab.store.record import Status

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"


def call_script(monkeypatch, *words):
    """Run the command in this process, which is faster than another one."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_the_page_of_a_run_has_its_curves_results_log_and_config(make_run):
    run = make_run("adam", summary={"best_valid": 0.875})
    (run.folder / "log.txt").write_text("epoch <1>\n")
    (run.folder / "config.yaml").write_text("seed: 0\n")
    text = render_run(run)
    assert all(f"<h3>{column}</h3>" in text for column in ("train/loss", "valid/accuracy", "train/grad_norm", "train/lr"))
    assert "epoch &lt;1&gt;" in text
    assert "seed: 0" in text
    assert "0.875" in text
    assert f'<script src="../{LIBRARY}"></script>' in text
    assert len(text) < 200_000


def test_a_run_without_curves_has_a_page_with_its_reason(make_run):
    run = make_run(status=Status.CRASHED, summary={}, curves=[], reason="signal <9>")
    assert "signal &lt;9&gt;" in render_run(run)


def test_the_page_of_a_sweep_links_to_those_of_its_runs(make_run, tmp_path):
    runs = [make_run("adam", seed=seed) for seed in range(2)]
    page = build([tmp_path / "sweep"], tmp_path / "sweep")
    text = page.read_text()
    for run in runs:
        assert f'href="{run.name}/report.html"' in text
        assert (run.folder / "report.html").exists()
    assert (tmp_path / "sweep" / LIBRARY).exists()


def test_a_report_in_another_folder_writes_nothing_into_that_of_the_sweep(make_run, tmp_path):
    run = make_run()
    before = sorted(path for path in (tmp_path / "sweep").rglob("*"))
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert sorted(path for path in (tmp_path / "sweep").rglob("*")) == before
    assert f"{run.name}/report.html" not in text


def test_pages_of_runs_are_written_again_only_after_a_change(make_run):
    run = make_run()
    write_run_pages([run], run.folder.parent)
    page = run.folder / "report.html"
    page.write_text("kept")
    assert write_run_pages([run], run.folder.parent) == {run.id}
    assert page.read_text() == "kept"
    later = page.stat().st_mtime + 10
    os.utime(run.folder / "record.json", (later, later))
    write_run_pages([run], run.folder.parent)
    assert page.read_text() != "kept"


def test_of_many_runs_only_those_without_a_result_get_a_page(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(run_page, "MOST", 1)
    make_run("adam")
    failed = make_run("sgd", status=Status.FAILED)
    assert write_run_pages(load([tmp_path / "sweep"]).runs, tmp_path / "sweep") == {failed.id}


def test_the_command_writes_the_page_of_a_run(make_run):
    run = make_run()
    (run.folder / "config.yaml").write_text(json.dumps({"seed": 0}))
    done = subprocess.run([sys.executable, str(SCRIPT), str(run.folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(run.folder / "report.html")


def test_a_run_page_that_cannot_be_written_does_not_affect_the_others(make_run, tmp_path, capsys):
    blocked, other = make_run("adam"), make_run("sgd")
    (blocked.folder / "report.html").mkdir()
    os.utime(blocked.folder / "report.html", (0, 0))
    text = build([tmp_path / "sweep"], tmp_path / "sweep").read_text()
    assert "could not be drawn" not in text
    assert (other.folder / "report.html").is_file()
    errors = capsys.readouterr().err
    assert errors.startswith(f"{blocked.folder / 'report.html'} could not be written: IsADirectoryError")
    assert errors.count("\n") == 1


def test_scratch_files_do_not_make_the_page_of_a_run_old(make_run):
    run = make_run()
    write_run_pages([run], run.folder.parent)
    page = run.folder / "report.html"
    page.write_text("kept")
    (run.folder / ".scratch").touch()
    later = page.stat().st_mtime + 10
    os.utime(run.folder / ".scratch", (later, later))
    write_run_pages([run], run.folder.parent)
    assert page.read_text() == "kept"


def test_the_command_writes_the_page_of_the_current_folder(make_run, monkeypatch, capsys):
    run = make_run()
    (run.folder / "config.yaml").write_text("seed: 0\n")
    monkeypatch.chdir(run.folder)
    call_script(monkeypatch, ".")
    assert capsys.readouterr().out == "report.html\n"
    assert (run.folder.parent / LIBRARY).exists()
    assert not (run.folder / LIBRARY).exists()
    assert f"{run.folder.parent.name}" in (run.folder / "report.html").read_text()


@pytest.mark.parametrize("option", [["--watch"], ["--out", "elsewhere"]])
def test_options_of_sweeps_are_refused_for_a_run(make_run, monkeypatch, capsys, option):
    run = make_run()
    (run.folder / "config.yaml").write_text("seed: 0\n")
    with pytest.raises(SystemExit):
        call_script(monkeypatch, str(run.folder), *option)
    assert "--watch and --out are for sweeps" in capsys.readouterr().err
