"""The charts in Chromium: drawing without requests and errors, choices, hover, zoom, smoothing, export."""

from __future__ import annotations

import pytest

from descentlab.report.page import build
from descentlab.store.record import Status

pytestmark = pytest.mark.slow
NAMES = "i => document.querySelectorAll('.plot')[i].data.filter(t => t.name).map(t => t.name)"
LISTED = "i => [...document.querySelectorAll('.plot')[i].parentElement.querySelectorAll('.values span')].map(e => e.innerText)"
REMARK = "i => document.querySelectorAll('.plot')[i].parentElement.querySelector('.remark').textContent"
RANGE = "i => document.querySelectorAll('.plot')[i].layout.xaxis.range"
CURVES = (0, 2, 3)  # the plots of the validation accuracy, the training loss and the validation loss


@pytest.fixture
def page(make_run, open_page, tmp_path):
    """Open the page of a grid: two optimizers at three rates with two seeds."""
    for optimizer, shift in (("adam", 0.0), ("sgd", 0.05)):
        for lr, best in ((0.01, 0.8), (0.1, 0.9), (1.0, 0.7)):
            for seed in range(2):
                make_run(optimizer, lr=lr, seed=seed, summary={"best_valid": best - shift + 0.01 * seed})
    return open_page(build([tmp_path / "sweep"], tmp_path / "out"), height=2400)


def choose(page, name, value):
    page.click(f"[data-choice={name}][data-value={value}]")
    page.wait_for_timeout(500)


def hover(page, plot, x=0.5):
    page.locator(".plot").nth(plot).scroll_into_view_if_needed()
    box = page.locator(".plot").nth(plot).bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + box["height"] / 2)
    page.wait_for_timeout(500)


def drag(page, start, end):
    """Drag over the first plot, between two fractions of its width."""
    box = page.locator(".plot").first.bounding_box()
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 103, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)


def test_the_selected_settings_are_drawn_and_the_others_are_faint_or_off(page):
    for plot in CURVES:
        assert page.evaluate(NAMES, plot) == ["adam", "sgd"]
    count = "i => document.querySelectorAll('.plot')[i].data.length"
    faint = [page.evaluate(count, plot) for plot in CURVES]
    choose(page, "others", "off")
    assert [page.evaluate(count, plot) for plot in CURVES] == [each - 2 for each in faint]


def test_hover_lists_all_lines_by_value_with_four_digits_below_all_plots(page):
    hover(page, 0)
    assert page.locator(".hoverlayer .legend").count() == 0  # nothing covers the lines
    for plot in CURVES:
        title, *lines = page.evaluate(LISTED, plot)
        assert title.startswith("step ")
        assert sorted(line.partition(": ")[0] for line in lines) == ["adam", "sgd"]
        values = [line.partition(": ")[2] for line in lines]
        assert values == sorted(values, reverse=True)
        assert all(len(value.replace(".", "").lstrip("0")) <= 4 for value in values)


def test_the_point_and_the_ring_of_a_selected_rate_have_a_tooltip(page):
    plot = page.locator(".plot").nth(1)
    for trace, text in ((0, "lr=0.01 "), (2, "lr=0.1 ")):  # the first point of the line of an optimizer, and a ring
        box = plot.locator(".scatterlayer .trace").nth(trace).locator(".point").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        plot.locator(".hoverlayer text", has_text=text).first.wait_for()


def test_zoom_is_linked_and_a_double_click_ends_it(page):
    whole = [page.evaluate(RANGE, plot) for plot in CURVES]
    drag(page, 0.3, 0.6)
    zoomed = [page.evaluate(RANGE, plot) for plot in CURVES]
    assert whole[0][0] < zoomed[0][0] < zoomed[0][1] < whole[0][1]
    assert zoomed == [zoomed[0]] * len(CURVES)
    box = page.locator(".plot").first.bounding_box()
    page.mouse.dblclick(box["x"] + 0.4 * box["width"], box["y"] + 100)
    page.wait_for_timeout(500)
    assert [page.evaluate(RANGE, plot) for plot in CURVES] == whole


def test_choices_act_on_all_charts(page):
    title = "i => document.querySelectorAll('.plot')[i].layout.xaxis.title.text"
    choose(page, "axis", "train_seconds")
    assert {page.evaluate(title, plot) for plot in CURVES} == {"training seconds"}
    assert page.evaluate(RANGE, 0) == pytest.approx([0, 0.21], rel=1e-4)  # the mean of two seeds
    kinds = "[0, 2, 3].map(i => document.querySelectorAll('.plot')[i].layout.yaxis.type)"
    assert page.evaluate(kinds) == ["linear", "log", "log"]
    choose(page, "scale", "linear")
    assert page.evaluate(kinds) == ["linear", "linear", "linear"]
    page.click("[data-entry='1']")
    page.wait_for_timeout(500)
    assert [page.evaluate(NAMES, plot) for plot in CURVES] == [["adam"]] * len(CURVES)
    assert page.get_attribute("[data-entry='1']", "aria-pressed") == "false"


def test_smoothing_keeps_the_raw_lines(page):
    opacities = "i => document.querySelectorAll('.plot')[i].data.filter(t => t.line.width > 0).map(t => t.opacity)"
    before = page.evaluate(opacities, 0)
    page.fill("[data-choice=smooth]", "60")
    page.wait_for_timeout(500)
    assert sorted(page.evaluate(opacities, 0)) == sorted([*before, 0.3, 0.3])
    hover(page, 0)
    assert all("(raw " in line for line in page.evaluate(LISTED, 0)[1:])


def test_short_lines_are_smoothed_and_two_points_are_reported(make_run, open_page, tmp_path):
    axes = {"examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0}
    losses = [{"step": step, **axes, "train/loss": loss} for step, loss in enumerate((3.0, 1.0, 2.0, 1.0, 0.5))]
    make_run(curves=[*losses, *({"step": step, **axes, "valid/accuracy": 0.2 * step} for step in (0, 4))])
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"))
    page.fill("[data-choice=smooth]", "30")
    page.wait_for_timeout(500)
    assert page.evaluate(REMARK, 0) == "Lines with fewer than 3 points are not smoothed."
    assert page.evaluate(REMARK, 1) == ""
    drawn, raw = page.evaluate("(([a, b]) => [b.y[1], a.y[1]])(document.querySelectorAll('.plot')[1].data)")
    assert drawn != pytest.approx(raw, rel=1e-3)


def test_bands_that_are_hidden_are_reported(make_run, open_page, tmp_path):
    for optimizer in ("adam", "sgd", "momentum", "muon", "lion", "rmsprop", "adagrad"):
        for seed in range(2):
            make_run(optimizer, seed=seed)
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"))
    assert page.evaluate(REMARK, 0) == "95 % bands are hidden: more than 6 lines."
    choose(page, "bands", "on")
    assert page.evaluate(REMARK, 0) == ""


def test_a_plot_for_each_optimizer_shows_all_its_settings_in_shades(page):
    choose(page, "view", "split")
    assert page.evaluate("document.querySelector('.plot').layout.annotations.map(a => a.text)") == [
        "<b>adam</b>  lr 0.01 to 1, thick: 0.1",
        "<b>sgd</b>  lr 0.01 to 1, thick: 0.1",
    ]
    assert sorted(page.evaluate(NAMES, 0)) == sorted(f"{name} lr={lr}" for name in ("adam", "sgd") for lr in (0.01, 0.1, 1))
    colors = page.evaluate("document.querySelector('.plot').data.filter(t => t.name).map(t => t.line.color)")
    assert len(set(colors)) == 6


def test_zoom_and_hover_are_linked_between_the_plots_of_each_optimizer(page):
    choose(page, "view", "split")
    hover(page, 0, x=0.75)  # in the second subplot
    for plot in CURVES[:2]:
        title, *lines = page.evaluate(LISTED, plot)
        assert title.startswith("step ")
        assert sorted(line.partition(": ")[0] for line in lines) == ["sgd lr=0.01", "sgd lr=0.1", "sgd lr=1"]
    drag(page, 0.6, 0.8)
    low, high = page.evaluate(RANGE, 0)
    assert 0 < low < high < 200
    second = "i => document.querySelectorAll('.plot')[i].layout.xaxis2.range"
    assert [page.evaluate(RANGE, 2), page.evaluate(second, 0), page.evaluate(second, 2)] == [[low, high]] * 3


def test_all_optimizers_may_be_hidden_and_shown_again(page):
    for _ in range(2):
        for entry in range(2):
            page.click(f"[data-entry='{entry}']")
            page.wait_for_timeout(400)  # two clicks at once would be a double-click
        names = page.evaluate(NAMES, 0)
        assert names in ([], ["adam", "sgd"])
    assert names == ["adam", "sgd"]


def test_a_page_without_curves_is_opened_without_errors(make_run, open_page, tmp_path):
    make_run(status=Status.CRASHED, summary={}, curves=[], reason="signal 9")
    assert open_page(build([tmp_path / "sweep"], tmp_path / "out")).locator(".plot").count() == 0


def test_focus_on_the_last_part_narrows_the_range_of_y(page):
    extent = "(() => { const [low, high] = document.querySelector('.plot').layout.yaxis.range; return high - low; })()"
    whole = page.evaluate(extent)
    choose(page, "focus", "end")
    assert page.evaluate(extent) < 0.7 * whole


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_figure_is_saved_with_its_title_and_legend(page, tmp_path, kind):
    with page.expect_download() as download:
        page.locator(f"[data-exports={kind}]").first.click()
    assert download.value.suggested_filename == f"validation-accuracy.{kind}"
    download.value.save_as(tmp_path / f"figure.{kind}")
    content = (tmp_path / f"figure.{kind}").read_bytes()
    if kind == "svg":
        assert all(word in content for word in (b"Validation accuracy", b">adam<", b">sgd<"))
    else:
        assert content.startswith(b"\x89PNG")


def test_charts_follow_the_scheme_of_the_system_and_of_the_page(make_run, open_page, tmp_path):
    make_run()
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"), color_scheme="dark")
    look = "(() => { const p = document.querySelector('.plot'); return [p.layout.paper_bgcolor, p.data[0].line.color]; })()"
    dark = page.evaluate(look)
    page.click("[data-theme-choice='light']")
    page.wait_for_timeout(500)
    light = page.evaluate(look)
    assert dark[1] == "#4DA3E0"
    assert light[1] == "#0072B2"
    page.emulate_media(color_scheme="light")
    page.click("[data-theme-choice='dark']")
    page.wait_for_timeout(500)
    assert page.evaluate(look)[1] == dark[1]


def test_plots_below_the_fold_are_drawn_when_they_come_into_view(make_run, open_page, tmp_path):
    make_run()
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"), height=400)
    last = page.locator(".plot").last
    assert "js-plotly-plot" not in last.get_attribute("class")
    last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.plot')].pop().classList.contains('js-plotly-plot')")


def test_all_plots_are_drawn_in_light_colours_for_printing(make_run, open_page, tmp_path):
    make_run()
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"), height=400, color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(500)
    colors = page.evaluate("[...document.querySelectorAll('.plot')].map(p => p.layout?.paper_bgcolor)")
    assert set(colors) == {"#ffffff"}


def test_hover_lists_a_curve_with_a_single_point(make_run, open_page, tmp_path):
    for optimizer in ("adam", "sgd"):
        row = {"step": 0, "examples": 0, "epoch": 0.0, "gradient_evaluations": 0, "train_seconds": 0.0}
        make_run(optimizer, curves=[row | {"train/loss": 2.5}])
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"), height=2400)
    plot = page.locator(".plot").nth(page.locator(".plot").count() - 1)
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    at = "plot => { const {xaxis, yaxis} = plot._fullLayout; return [xaxis._offset + xaxis.d2p(0), yaxis._offset + 5] }"
    x, y = plot.evaluate(at)
    box = plot.bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_timeout(500)
    listed = page.evaluate("[...document.querySelectorAll('.values span')].map(e => e.innerText)")
    assert {"adam: 2.5", "sgd: 2.5"} <= set(listed)
