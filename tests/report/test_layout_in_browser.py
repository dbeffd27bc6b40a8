"""The page around the charts in Chromium: tables, themes, keyboard, print, run pages."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from descentlab.report.page import build
from descentlab.report.pdf import print_pdf
from descentlab.store.record import Status

pytestmark = pytest.mark.slow

NAMES = "#results-0 tbody tr:not([hidden]) th.name"
WIDEST = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def page_path(make_run, tmp_path) -> Path:
    """Build a page of three optimizers with two learning rates each, and a run that failed."""
    for position, optimizer in enumerate(("adam", "sgd", "momentum")):
        for seed in range(3):
            for lr, loss in ((0.1, 0.0), (0.2, 0.3)):
                value = 0.95 - 0.02 * position - loss + 0.004 * seed + 0.001 * (seed % 2) * position
                summary = {"best_valid": value, "test": {"accuracy": value}, "train_seconds": 100.0 - 30 * position}
                make_run(optimizer, seed=seed, lr=lr, summary=summary)
    make_run("lion", status=Status.FAILED, reason="no such file")
    return build([tmp_path / "sweep"], tmp_path / "sweep")


def names(page) -> list[str]:
    return [text.strip() for text in page.locator(NAMES).all_inner_texts()]


def test_tables_are_sorted_by_mouse_and_keyboard(open_page, page_path):
    page = open_page(page_path)
    heading = page.locator("#results-0 thead th", has_text="train seconds")
    assert names(page) == ["adam", "sgd", "momentum", "lion"]
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert names(page) == ["adam", "sgd", "momentum", "lion"]
    page.keyboard.press("Enter")  # the button that was clicked has the focus
    assert heading.get_attribute("aria-sort") == "ascending"
    assert names(page) == ["momentum", "sgd", "adam", "lion"]  # rows without a value stay last
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert names(page) == ["adam", "sgd", "momentum", "lion"]


def test_other_settings_are_folded(open_page, page_path):
    page = open_page(page_path)
    fold = page.get_by_role("button", name="show 3 other settings")
    assert page.locator("#results-0 tr.other:visible").count() == 0
    fold.focus()
    page.keyboard.press("Space")
    assert page.locator("#results-0 tr.other:visible").count() == 3
    assert page.locator("button.fold").get_attribute("aria-expanded") == "true"
    page.get_by_role("button", name="hide the other settings").click()
    assert page.locator("#results-0 tr.other:visible").count() == 0


@pytest.mark.parametrize("format", ["Markdown", "CSV", "LaTeX"])
def test_tables_are_copied(open_page, page_path, format):
    page = open_page(page_path, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=f"copy the table as {format}").first.click()
    page.wait_for_function("() => document.getElementById('status').textContent.includes('copied')")
    text = page.evaluate("navigator.clipboard.readText()")
    if format == "CSV":
        rows = list(csv.reader(io.StringIO(text)))
        assert [row[0] for row in rows] == ["optimizer", "adam", "sgd", "momentum", "lion"]
        assert rows[1][1].startswith("0.954 [")
        assert len({len(row) for row in rows}) == 1
    elif format == "Markdown":
        assert text.splitlines()[1].startswith("| --- |")
        assert text.count("\n| adam |") == 1
    else:
        assert r"\toprule" in text
        assert text.count(r"\\") == 5


def test_the_page_follows_the_scheme_of_the_system_until_the_reader_chooses(open_page, page_path):
    page = open_page(page_path, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(20, 24, 29)"
    page.get_by_role("button", name="light").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="system").click()
    assert page.evaluate(background) == "rgb(20, 24, 29)"


def test_print_is_light_without_controls_and_charts_are_not_cut(open_page, page_path):
    page = open_page(page_path, color_scheme="dark", width=700)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert not page.locator(".controls").is_visible()
    assert not page.locator("button.fold").is_visible()
    cut = """() => [...document.querySelectorAll('.plot svg')].filter(
        (svg) => svg.getBoundingClientRect().right > innerWidth + 1).length"""
    assert page.evaluate(cut) == 0


def test_the_page_is_printed_to_a_pdf(chromium, page_path):
    assert print_pdf(page_path).read_bytes()[:5] == b"%PDF-"


def test_the_first_key_leads_to_the_results(open_page, page_path):
    page = open_page(page_path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "results"


def test_every_control_is_reached_by_the_keyboard_and_shows_the_focus(open_page, page_path):
    page = open_page(page_path)
    total = page.locator("button:visible, a:visible, summary:visible, input:visible").count()
    outlines = set()
    seen = set()
    for _ in range(total + 20):
        page.keyboard.press("Tab")
        script = """() => { const one = document.activeElement;
            one.dataset.reached ??= String(document.querySelectorAll('[data-reached]').length);
            return [one.tagName, one.dataset.reached, getComputedStyle(one).outlineStyle] }"""
        tag, number, outline = page.evaluate(script)
        if tag in ("BUTTON", "A", "SUMMARY", "INPUT"):
            seen.add(number)
            outlines.add(outline)
    assert len(seen) >= total
    assert "none" not in outlines


def test_a_phone_shows_names_and_numbers(open_page, page_path):
    page = open_page(page_path, width=390, height=844, is_mobile=True, has_touch=True)
    assert page.evaluate(WIDEST) <= 1
    box = page.locator("#results-0 tbody tr").first.locator(":scope > *")
    for position in (0, 1, 3):  # the name, the compared number and n; the drawn interval is left out
        cell = box.nth(position).bounding_box()
        assert cell["x"] >= 0
        assert cell["x"] + cell["width"] <= 390
    page.locator(".results").evaluate("(box) => { box.scrollLeft = 200 }")
    assert box.nth(0).bounding_box()["x"] == pytest.approx(16, abs=1)  # the name stays


def test_a_flag_leads_to_its_sentence(open_page, page_path):
    page = open_page(page_path)
    flag = page.locator("a.flag").first
    flag.click()
    assert page.locator(flag.get_attribute("href")).is_visible()


def test_the_page_of_a_run_is_drawn_with_the_shared_script(chromium, page_path):
    page = chromium.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_path.as_uri())
    page.locator("#results-0 td.extra a").first.click()
    page.wait_for_function("() => document.documentElement.dataset.charts === 'ready'")
    assert page.locator(".plot svg").count() > 0
    assert page.get_by_role("link", name="report of the sweep").is_visible()
    assert errors == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page, page_path, scheme):
    if not os.environ.get("AXE_CORE"):
        pytest.skip("AXE_CORE is not set to the path of axe.min.js of the npm package axe-core")
    page = open_page(page_path, color_scheme=scheme)
    page.evaluate(Path(os.environ["AXE_CORE"]).read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
