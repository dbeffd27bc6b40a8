"""The page around the charts in Chromium: tables, themes, phone, flags (keyboard and print: test_every_page_in_browser.py)."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from descentlab.report.page import build
from descentlab.report.pdf import PAPER_WIDTH, print_pdf
from descentlab.store.record import Status

pytestmark = pytest.mark.slow

PAPER_HEIGHT = 1031  # CSS pixels between the margins of template/print.css on A4
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


def test_settings_are_sorted_by_their_numbers_and_empty_cells_stay_last(open_page, make_run, tmp_path):
    for optimizer, lr, value in (("adam", 0.001, 0.9), ("sgd", 0.0003, 0.8), ("lion", 0.01, 0.7)):
        for seed in range(2):
            make_run(optimizer, seed=seed, lr=lr, summary={"test": {"accuracy": value + 0.01 * seed}})
            make_run(optimizer, seed=seed, lr=1.0, summary={"best_valid": 0.1, "test": {"accuracy": 0.1 + 0.01 * seed}})
    page = open_page(build([tmp_path / "sweep"], tmp_path / "sweep"))
    sort = page.locator("#results-0 thead th", has_text="settings").locator("button")
    sort.click()
    assert names(page) == ["lion", "adam", "sgd"]
    sort.click()
    assert names(page) == ["sgd", "adam", "lion"]
    page.locator("button.fold").click()
    page.locator("#results-0 thead th", has_text="difference").locator("button").click()
    assert names(page)[:1] == ["adam"]  # the reference has the difference 0
    assert page.locator("#results-0 tbody tr.other").count() == 3
    assert "other" in page.locator("#results-0 tbody tr").last.get_attribute("class")


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


def test_the_first_printed_page_has_the_statement_the_table_and_all_flags(make_run, open_page, tmp_path):
    selected = {"adam": 0.1, "sgd": 0.2, "momentum": 0.4, "lion": 0.2, "muon": 0.2, "rmsprop": 0.2}
    for optimizer, best in selected.items():  # both edges, unequal grids and divergence give more lines of flags than are shown
        for lr in (0.1, 0.2) if optimizer == "sgd" else (0.1, 0.2, 0.4):
            value = 0.9 if lr == best else 0.8
            make_run(optimizer, lr=lr, summary={"best_valid": value, "test": {"accuracy": value}})
    for lr in (0.5, 0.6, 0.7):
        ended = {"best_valid": None, "test": {}, "diverged_step": 3}
        make_run("rmsprop", lr=lr, status=Status.DIVERGED, summary=ended)
    page = open_page(build([tmp_path / "sweep"], tmp_path / "sweep"), width=PAPER_WIDTH)
    folded = page.locator(".flags details")
    assert folded.get_attribute("open") is None
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    bottom = "(box) => box.getBoundingClientRect().bottom"
    assert page.locator(".statement").evaluate(bottom) < page.locator("#results-0").evaluate(bottom) < PAPER_HEIGHT
    assert folded.locator("li").last.is_visible()
    for control in (".controls", ".exports", ".themes", ".copy", "button.fold"):
        assert page.locator(f"{control}:visible").count() == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert folded.get_attribute("open") is None


def test_the_page_is_printed_to_a_pdf(chromium, page_path):
    assert print_pdf(page_path).read_bytes()[:5] == b"%PDF-"


def test_a_phone_shows_names_settings_numbers_and_conclusions(open_page, page_path):
    page = open_page(page_path, width=390, height=844, is_mobile=True, has_touch=True)
    assert page.evaluate(WIDEST) <= 1
    row = page.locator("#results-0 tbody tr.entry").nth(1)
    for part in (".name", ".compared", ".name .verdict"):
        box = row.locator(part).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert row.locator(".name").inner_text().split("\n")[:3] == ["sgd", "lr=0.1, n\u00a0=\u00a03", "worse"]
    assert not row.locator(".settings, .n, .marks").first.is_visible()
    page.locator(".results").evaluate("(box) => { box.scrollLeft = 200 }")
    assert row.locator(".name").bounding_box()["x"] == pytest.approx(16, abs=1)  # the name stays


@pytest.mark.parametrize("width", [1280, 1400])
def test_a_screen_shows_all_columns(open_page, page_path, width):
    page = open_page(page_path, width=width)
    assert page.locator(".results").evaluate("(box) => box.scrollWidth - box.clientWidth") <= 1
    assert not page.locator(".narrow").first.is_visible()


def test_the_chart_options_are_folded_on_a_phone_only(open_page, page_path):
    page = open_page(page_path, width=390, height=844, is_mobile=True, has_touch=True)
    assert not page.locator("[data-choice=axis]").first.is_visible()
    page.get_by_text("chart options").click()
    assert page.locator("[data-choice=axis]").first.is_visible()
    page.set_viewport_size({"width": 1400, "height": 844})
    assert page.locator("[data-choice=axis]").first.is_visible()
    assert not page.get_by_text("chart options").is_visible()


def test_a_flag_leads_to_its_sentence(open_page, page_path):
    page = open_page(page_path)
    flag = page.locator("a.flag:visible").first
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
