"""The page around the charts: failures, commands, commits, runs in training."""

from __future__ import annotations

from descentlab.report.compare import compare
from descentlab.report.layout import LOG_LINES, contents, log_tail
from descentlab.report.load import load
from descentlab.report.page import render
from descentlab.store.commands import COMMANDS
from descentlab.store.record import Status


def test_a_failed_run_shows_the_last_lines_of_its_log(make_run, tmp_path):
    make_run("adam")
    run = make_run("sgd", status=Status.FAILED, reason="no such <file>")
    (run.folder / "log.txt").write_text("".join(f"line {number}\n" for number in range(100)))
    results = load([tmp_path / "sweep"])
    (failure,) = contents(results, compare(results), tmp_path)["failures"]
    assert failure.lines.splitlines() == [f"line {number}" for number in range(100 - LOG_LINES, 100)]
    assert failure.log == f"sweep/{run.name}/log.txt"
    page = render(results, compare(results))
    assert "no such &lt;file&gt;" in page
    assert "line 99" in page


def test_a_missing_log_has_no_lines(tmp_path):
    assert log_tail(tmp_path) == ""


def test_the_page_shows_how_to_reproduce_it(make_run, tmp_path):
    run = make_run()
    run.code.update(commit="abc123", dirty=True)
    run.write(run.folder)
    (tmp_path / "sweep" / COMMANDS).write_text("python train.py -m 'seed=range(5)'\n")
    results = load([tmp_path / "sweep"])
    page = render(results, compare(results))
    assert "git checkout abc123    # with changes that were not committed\npython train.py -m &#39;seed=range(5)&#39;\n" in page


def test_the_page_without_a_recorded_command_refers_to_the_configs(make_run, tmp_path):
    make_run()
    results = load([tmp_path / "sweep"])
    assert "The command was not recorded" in render(results, compare(results))
