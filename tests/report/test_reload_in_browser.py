"""A page that is watched, in Chromium: it reloads itself and keeps what the reader has chosen."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.page import write
from descentlab.report.watch import VERSION, Live

pytestmark = pytest.mark.slow
STATE = """() => ({
    scale: document.querySelector('[data-choice=scale][data-value=linear]').ariaPressed,
    sgd: document.querySelector("[data-entry='1']").ariaPressed,
    zoom: document.querySelector('.plot').layout.xaxis.range,
    order: [...document.querySelectorAll('#results-0 tbody th.name')].map((name) => name.textContent.trim()),
    sort: document.querySelector('#results-0 th[aria-sort]')?.ariaSort,
    rows: document.querySelector('button.fold').ariaExpanded,
    provenance: [...document.querySelectorAll('details')].find((each) => each.textContent.includes('hardware')).open,
})"""


def state_of(page):
    """Return what the reader has chosen, once the first plot is drawn."""
    page.wait_for_function("() => !window.isOld && document.documentElement.dataset.charts === 'ready'")
    page.locator(".plot").first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.plot').layout")
    page.wait_for_timeout(500)
    return page.evaluate(STATE)


@pytest.fixture
def results(make_run, tmp_path):
    for optimizer, seconds in (("adam", 3.0), ("sgd", 1.0)):
        for lr in (0.1, 0.2):
            make_run(optimizer, lr=lr, summary={"train_seconds": seconds, "best_valid": 0.9 - lr})
    return load([tmp_path / "sweep"])


def test_the_choices_of_the_reader_are_kept_when_the_page_reloads_itself(chromium, results, tmp_path):
    out, answers = tmp_path / "out", compare(results)
    path = write(results, answers, out, Live("1", 0.2))
    page = chromium.new_page(viewport={"width": 1400, "height": 1500})
    page.goto(path.as_uri())
    first = state_of(page)
    page.click("[data-choice=scale][data-value=linear]")
    page.click("[data-entry='1']")
    page.evaluate("Plotly.relayout(document.querySelector('.plot'), {'xaxis.range': [20, 80]})")
    for _ in range(2):
        page.locator("#results-0 thead th", has_text="train seconds").locator("button").click()
    page.click("button.fold")
    page.locator("summary", has_text="hardware of all runs").click()
    chosen = state_of(page)
    assert all(first[key] != chosen[key] for key in first)

    page.evaluate("window.isOld = true")
    write(results, answers, out)
    (out / VERSION).write_text('descentlabNewest("");\n')
    assert state_of(page) == chosen
    page.reload()
    assert state_of(page) == first  # a page that the reader reloads opens as it does at first
    page.close()
