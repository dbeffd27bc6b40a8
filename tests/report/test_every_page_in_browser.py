"""The pages of all kinds of sweeps and of their runs in Chromium; `open_page` checks that none makes a request or an error."""

from __future__ import annotations

import csv
import io
import re

import pytest
from conftest import needs_data
from support.page_kinds import FAILED, KINDS, SYNTHETIC, WITH_RUN_PAGES

pytestmark = pytest.mark.slow

MEGABYTES = {"48 runs": 2.5, "1,000 runs": 6}
DRAWN = "[...document.querySelectorAll('.plot')].filter(p => p.checkVisibility()).every(p => p.data)"
PLOTS = "[...document.querySelectorAll('.plot')].filter(p => p.data?.[0]?.type !== 'heatmap')"  # whose x axis can be chosen
CURVES = f"{PLOTS}.filter(p => p.layout?.xaxis?.title?.text === '{{}}')"
AXIS = CURVES.format("step")
LOGARITHMIC = f"{AXIS}.filter(p => p.layout.yaxis.type === 'log').length"
NAMES = f"{AXIS}.map(p => p.data.filter(t => t.name).map(t => t.name))"
VALUE = re.compile(r"(?P<name>.+): (?P<value>-?[\d.]+(?:e[-+]?\d+)?)(?: \(raw .*\))?")  # a line of the values below a plot
CONTROLS = "button:visible, a:visible, summary:visible, input:visible"
RANKED = "table[id^=results]"


def parameters(kinds):
    return [pytest.param(kind, marks=[needs_data("fashion_mnist")] if kind == "detector" else []) for kind in kinds]


@pytest.fixture(params=parameters(KINDS))
def kind(request):
    return request.param


def open_whole(open_page, path, **options):
    """Open a page in a window as high as the page, so that all of its charts are in view, and wait until they are drawn."""
    page = open_page(path, **options)
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": 1400, "height": height})
    page.wait_for_function(DRAWN)
    return page


def choose(page, name, value, condition):
    page.click(f"[data-choice={name}][data-value={value}]")
    page.wait_for_function(condition)


def test_the_first_line_is_the_answer_and_the_page_is_as_wide_as_the_window(open_page, page_of, kind):
    path = page_of(kind)
    page = open_whole(open_page, path)
    first = page.locator("header p, header li").first.inner_text()
    assert re.search("reaches|no result|without|not distinguishable|better", first)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert path.stat().st_size < 1e6 * MEGABYTES.get(kind, 2.5)


def test_choices_act_on_all_charts_of_curves(open_page, page_of, kind):
    page = open_whole(open_page, page_of(kind))
    number = page.evaluate(f"{AXIS}.length")
    assert number >= 2
    for axis, title in (("train_seconds", "training seconds"), ("examples", "examples"), ("step", "step")):
        choose(page, "axis", axis, f"{CURVES.format(title)}.length === {number}")
    logarithmic = page.evaluate(LOGARITHMIC)
    choose(page, "scale", "linear", f"{LOGARITHMIC} < {logarithmic} && {AXIS}[0].layout.yaxis.type === 'linear'")
    others = page.locator("[data-choice=others][data-value=off]")
    assert others.is_visible() or kind not in SYNTHETIC
    if others.is_visible():  # the settings that were not selected are drawn with less opacity
        choose(page, "others", "off", f"{AXIS}.every(p => p.data.every(t => (t.opacity ?? 1) > 0.5))")


def test_the_legend_hides_and_shows_lines_in_all_charts_of_curves(open_page, page_of, kind):
    page = open_whole(open_page, page_of(kind))
    before, buttons = page.evaluate(NAMES), page.locator("button[data-entry]")
    for pressed, condition in (("false", f"{NAMES}.every(names => !names.length)"), ("true", f"{NAMES}.flat().length > 0")):
        for number in range(buttons.count()):
            buttons.nth(number).press("Enter")
            assert buttons.nth(number).get_attribute("aria-pressed") == pressed
        page.wait_for_function(condition)
    page.wait_for_timeout(300)
    assert page.evaluate(NAMES) == before


def test_hover_lists_the_lines_of_a_chart_by_value(open_page, page_of, kind):
    page = open_whole(open_page, page_of(kind))
    plot = page.evaluate_handle(f"{AXIS}[0]").as_element()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    page.wait_for_timeout(500)
    title, *lines = plot.evaluate("p => [...p.parentElement.querySelectorAll('.values span')].map(e => e.innerText)")
    assert title.startswith("step ")
    names = plot.evaluate(
        "p => p.data.filter(t => t.name && t.x[t.x.length - 1] > p.layout.xaxis.range[1] / 2).map(t => t.name)"
    )
    assert names
    listed = [
        VALUE.fullmatch(line) for line in lines if " at step " not in line and "▲" not in line
    ]  # such as "sgd, seed 0: diverged at step 3"
    assert sorted(found["name"] for found in listed) == sorted(names)
    values = [float(found["value"]) for found in listed]
    assert values == sorted(values, reverse=True)


def test_the_ranking_is_sorted_by_mouse_and_keyboard_and_copied(open_page, page_of, kind):
    page = open_page(page_of(kind), permissions=["clipboard-read", "clipboard-write"])
    table = page.locator(RANKED).first
    heading = table.locator("th", has_text="train seconds")

    def seconds() -> list[str]:
        column = heading.evaluate("e => e.cellIndex")
        return table.locator("tbody tr:visible").evaluate_all(f"rows => rows.map(row => row.cells[{column}].innerText)")

    ranked = seconds()
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert sorted(seconds()) == sorted(ranked)
    values = [float(text.split()[0].replace(",", "")) for text in seconds() if text.strip("– ")]
    assert values == sorted(values)
    page.keyboard.press("Enter")
    assert seconds() == ranked
    page.get_by_role("button", name="copy the table as CSV").first.click()
    page.wait_for_function("document.getElementById('status').textContent.includes('copied')")
    copied = list(csv.reader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
    assert len(copied) == 1 + len(ranked)


def test_the_settings_that_were_not_selected_are_folded(open_page, page_of, kind):
    page = open_page(page_of(kind))
    fold, rows = page.get_by_role("button", name="other settings"), page.locator(f"{RANKED} tbody tr:visible")
    if not fold.count():
        assert kind not in SYNTHETIC
        return
    folded = rows.count()
    fold.press("Space")
    assert fold.get_attribute("aria-expanded") == "true"
    assert rows.count() > folded
    fold.click()
    assert rows.count() == folded


@pytest.mark.parametrize("format", ["svg", "png"])
def test_a_chart_is_exported(open_page, page_of, tmp_path, kind, format):
    page = open_page(page_of(kind), height=2000)
    button = page.get_by_role("button", name=re.compile(f"^Save .* as {format.upper()}$")).first
    title = button.evaluate("button => button.closest('section').querySelector('h3').textContent")
    with page.expect_download() as download:
        button.click()
    download.value.save_as(tmp_path / "figure")
    content = (tmp_path / "figure").read_bytes()
    assert download.value.suggested_filename.endswith(f".{format}")
    assert title.encode() in content if format == "svg" else content.startswith(b"\x89PNG")


def test_the_keyboard_reaches_every_control_and_shows_the_focus(open_page, page_of, kind):
    page = open_page(page_of(kind))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "results"
    reached, outlines = set(), set()
    page.evaluate("window.controls = []")
    total = page.locator(CONTROLS).count()
    script = """() => { const one = document.activeElement;
        if (!controls.includes(one)) controls.push(one);
        return [one.tagName, controls.indexOf(one), getComputedStyle(one).outlineStyle] }"""
    for _ in range(total + 20):
        page.keyboard.press("Tab")
        tag, number, outline = page.evaluate(script)
        if tag in ("BUTTON", "A", "SUMMARY", "INPUT"):
            reached.add(number)
            outlines.add(outline)
    assert len(reached) >= total
    assert "none" not in outlines


def test_print_is_light_without_controls_and_no_chart_is_cut(open_page, page_of, kind):
    page = open_page(page_of(kind), color_scheme="dark", width=700)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.wait_for_function(DRAWN)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    colors = page.evaluate("[...document.querySelectorAll('.plot')].filter(p => p.layout).map(p => p.layout.paper_bgcolor)")
    assert set(colors) == {"#ffffff"}
    assert page.locator("button[data-choice]:visible, button[data-exports]:visible").count() == 0
    assert not any(button.is_visible() for button in page.get_by_role("button", name="other settings").all())
    right = "[...document.querySelectorAll('.plot svg')].map(svg => svg.getBoundingClientRect().right)"
    assert page.evaluate(f"Math.max(...{right}) - innerWidth") <= 1


@pytest.mark.parametrize("kind", parameters(WITH_RUN_PAGES))
def test_the_page_of_a_run_shows_its_curves_log_and_config(open_page, page_of, kind):
    pages = sorted(page_of(kind).parent.glob("*/report.html"))
    for path in pages:
        page = open_whole(open_page, path)
        assert page.evaluate(f"{AXIS}.length") >= 2
        text = page.locator("main").inner_text()
        log = (path.parent / "log.txt").read_text().strip().splitlines()
        assert (log[-1].strip() if log else "The log is empty.") in text
        assert (path.parent / "config.yaml").read_text().splitlines()[0] in text
        assert page.get_by_role("link", name="report of the sweep").is_visible()
    if kind == FAILED:
        assert any("broken on purpose" in path.read_text() for path in pages)
