"""Drawings of schedules, and the command that prints them."""

from __future__ import annotations

import pytest
from conftest import ROOT, options
from support.commands import run_script

from descentlab.report.drawing.schedule_figure import ScheduleCurve, page, terminal


def drawing(*words):
    return run_script(ROOT / "scripts" / "schedules.py", *words, timeout=60)


def test_the_script_draws_every_schedule():
    answer = drawing()
    assert answer.returncode == 0, answer.stderr
    assert all(f"{option}: lr × " in answer.stdout for option in options("schedule"))
    assert "one_cycle: momentum 0.85 to 0.95" in answer.stdout
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_the_script_draws_one_schedule_and_a_page(tmp_path):
    path = tmp_path / "page.html"
    words = ["schedule=one_cycle", "schedule.warmup=0.1", "--html", str(path), "budget.steps=500"]
    answer = drawing(*words)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("500 steps") == 2
    assert "cosine" not in answer.stdout.replace("anneal=cosine", "")
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
def test_the_script_rejects_invalid_settings_with_a_message(words, expected):
    answer = drawing(*words)
    assert answer.returncode == 2
    assert all(part in answer.stderr for part in expected)
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


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
