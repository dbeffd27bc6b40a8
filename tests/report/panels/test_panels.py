"""Discovery of panels: every module of the folder appears on the page, in its order, and a failure affects no other."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from descentlab.report import panels
from descentlab.report.page import build

TEMPLATE = """
from descentlab.report.drawing.curves import curve_figure

ORDER = 25

def draw(data):
    return curve_figure(data, "train/loss", "My panel", "linear")
"""
HTML = """
from markupsafe import Markup

from descentlab.report.drawing.figure import Html

ORDER = 1

def draw(data):
    return Html("My text", {content})
"""

ACROSS = """
from descentlab.report.drawing.figure import Html

ORDER = 105

def draw_across(data):
    return Html("My overview", ", ".join(answer.comparison.name for answer in data.answers))
"""


@pytest.fixture
def add_panel(monkeypatch, tmp_path):
    """Write a panel file into a temporary folder that is listed together with the package's own."""
    folder = tmp_path / "panels"
    folder.mkdir()
    monkeypatch.setattr(panels, "__path__", [*panels.__path__, str(folder)])

    def add(name, text):
        (folder / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, f"{panels.__name__}.{name}", raising=False)

    yield add
    for path in folder.glob("*.py"):
        sys.modules.pop(f"{panels.__name__}.{path.stem}", None)


@pytest.fixture
def page(make_run, tmp_path):
    """Return the page of a sweep of two runs."""

    def render():
        make_run("adam")
        make_run("sgd")
        return build([tmp_path / "sweep"], tmp_path / "out").read_text()

    return render


def test_a_panel_file_appears_on_the_page_without_another_edit(add_panel, page):
    add_panel("my_panel", TEMPLATE)
    text = page()
    titles = [text.index(f"<h3>{title}</h3>") for title in ("Training loss", "My panel", "Validation loss")]
    assert titles == sorted(titles)  # ORDER 25 is between 20 and 30


@pytest.mark.parametrize(
    ("content", "expected"),
    [('Markup("<em>n</em> = 3")', "<h3>My text</h3><em>n</em> = 3<"), ('"<em>"', "<h3>My text</h3>&lt;em&gt;<")],
)
def test_a_panel_of_html_is_inserted_and_a_string_is_escaped(add_panel, page, content, expected):
    add_panel("my_text", HTML.format(content=content))
    assert expected in page()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ORDER = 1\ndef draw(data):\n    raise ZeroDivisionError('no room')", "ZeroDivisionError: no room"),
        ("import no_such_module", "ModuleNotFoundError: No module named"),
        ("ORDER = 1", "AttributeError: module"),
    ],
)
def test_a_panel_that_fails_is_named_and_left_out(add_panel, page, text, error):
    add_panel("broken", text)
    found = page()
    assert f"The panel broken could not be drawn: {error}" in found
    assert "<h3>Training loss</h3>" in found


def test_a_panel_over_several_problems_is_drawn_once(add_panel, make_run, tmp_path):
    add_panel("my_panel", ACROSS)
    make_run("adam")
    assert "My overview" not in build([tmp_path / "sweep"], tmp_path / "out").read_text()
    make_run("adam", problem="wine_mlp")
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert text.count("<h3>My overview</h3>digits_mlp, wine_mlp<") == 1
    assert text.index("<h2>Over all problems</h2>") < text.index("My overview") < text.index("<h3>Training loss</h3>")


def test_a_panel_over_several_problems_that_fails_is_named_and_left_out(add_panel, make_run, tmp_path):
    add_panel("broken", ACROSS.replace("answers)", "no_answers)"))
    make_run("adam")
    make_run("adam", problem="wine_mlp")
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert text.count("The panel broken could not be drawn: AttributeError") == 1
    assert "<h3>Training loss</h3>" in text


def test_every_panel_follows_the_contract():
    modules = [import_module(f"{panels.__name__}.{name}") for name in panels.panel_names()]
    orders = [module.ORDER for module in modules]
    assert len(set(orders)) == len(orders) >= 8
    for module in modules:
        drawing = [name for name in panels.KINDS if callable(getattr(module, name, None))]
        assert module.__doc__, module.__name__
        assert len(drawing) == 1, module.__name__


def test_two_ordinary_runs_have_the_expected_panels(make_run, draw):
    make_run()
    make_run("sgd")
    found = draw()
    assert list(found) == ["Validation accuracy", "Training loss", "Validation loss", "Gradient norm"]
    assert found["Validation accuracy"].levels == [(0.95, "target 0.95")]
    assert {panel.scale for panel in found.values()} == {"loss", "linear"}
    assert {curve.series for curve in found["Training loss"].curves} == {"adam", "sgd"}


def test_the_comparison_of_rates_follows_the_validation_metric(make_run, draw):
    for lr in (0.01, 0.1):
        make_run(lr=lr)
    assert list(draw())[:3] == ["Validation accuracy", "Best validation accuracy by learning rate", "Training loss"]


def test_the_panels_of_a_test_function_name_no_split(make_run, draw):
    for lr in (0.1, 0.2):
        data = {"_target_": "descentlab.data.gaussian.Gaussian", "deviation": 0.0}
        make_run(lr=lr, config={"data": data})
    titles = list(draw())
    assert titles[:3] == ["Accuracy", "Best accuracy by learning rate", "Loss"]
    assert "Training loss" not in titles
