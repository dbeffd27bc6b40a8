"""Drawings of schedules, and the command that prints them."""

from __future__ import annotations

import runpy

import pytest
from conftest import ROOT, options
from support.commands import run_script

from descentlab.report.drawing.schedule_figure import ScheduleCurve, page, terminal

SCRIPT = ROOT / "scripts" / "schedules.py"


@pytest.fixture
def draw(monkeypatch, capsys):
    """Run the script in this process: draw("schedule=cosine") is its exit code, its output and its errors."""

    def run(*words):
        monkeypatch.setattr("sys.argv", [str(SCRIPT), *words])
        code = 0
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as leaving:
            code = leaving.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_the_script_draws_every_schedule_in_a_separate_process():
    answer = run_script(SCRIPT, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert all(f"{option}: lr × " in answer.stdout for option in options("schedule"))


def test_the_script_draws_every_schedule(draw):
    code, output, errors = draw()
    assert code == 0, errors
    assert all(f"{option}: lr × " in output for option in options("schedule"))
    assert "one_cycle: momentum 0.85 to 0.95" in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_script_draws_one_schedule_and_a_page(draw, tmp_path):
    path = tmp_path / "page.html"
    code, output, errors = draw("schedule=one_cycle", "schedule.warmup=0.1", "--html", str(path), "budget.steps=500")
    assert code == 0, errors
    assert output.count("500 steps") == 2
    assert "cosine" not in output.replace("anneal=cosine", "")
    assert "one_cycle: momentum" in path.read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["schedule=cosin"], ["schedule=cosin", "did you mean cosine?"]),
        (["schedule=cosine", "schedule.finl=0.1"], ["unknown key finl in schedule=cosine", "did you mean final?"]),
        (["schedule=cosine", "schedule.final=2"], ["schedule.final=2", "[0, 1]"]),
        (["schedule=cosine", "budget.epochs=null", "budget.seconds=5"], ["Cosine", "budget.steps"]),
    ],
)
def test_the_script_rejects_invalid_settings_with_a_message(draw, words, expected):
    code, output, errors = draw(*words)
    assert code == 2
    assert all(part in errors for part in expected)
    assert "Traceback" not in errors
    assert output == ""


def test_a_step_is_drawn_as_a_vertical_line_at_its_position():
    lines = terminal([ScheduleCurve("drop", [1.0] * 50 + [0.0] * 50)], width=27).splitlines()
    assert lines[0] == "drop: lr × 0 to 1"
    assert lines[1] == "     1┤" + "⠉" * 10 + "⡇" + "⠀" * 9
    assert lines[10] == "     0┤" + "⠀" * 10 + "⣇" + "⣀" * 9


def test_the_page_is_self_contained_and_small():
    content = page([ScheduleCurve("many", [0.5] * 1_000_000), ScheduleCurve("few", [0.9, 0.8], momentum=True)])
    assert "<script" in content
    assert "src=" not in content.partition("<script")[0]
    assert len(content) < 6_000_000
