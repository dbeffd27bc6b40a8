"""Fixtures that open pages in Chromium: `open_page(path)` returns a playwright page, and checks requests and errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from descentlab.report.run_page import LIBRARY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

OpenPage = Callable[..., "Page"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
READY_SECONDS = 60


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the installed Chromium once; tests that need it are skipped where it is not installed."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import Error, sync_playwright  # only tests of pages need it

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        except Error as error:
            pytest.fail(f"Chromium does not start: {error}")
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Open an HTML file; at the end of the test, fail if a page made a request or reported an error.

    ``open_page(path, width=1400, height=900, **options)`` returns the page once its charts in view are drawn. The options are
    those of playwright's `new_context`, such as ``color_scheme="dark"``, ``is_mobile=True`` or ``has_touch=True``.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_file(path: Path, width: int = 1400, height: int = 900, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", lambda message: _keep_error(message.type, message.text, problems))
        own, library = path.resolve().as_uri(), (path.resolve().parents[1] / LIBRARY).as_uri()  # shared by the pages of runs
        page.on("request", lambda request: _keep_request(request.url, (own, library), problems))
        page.goto(own)
        page.wait_for_function("() => document.documentElement.dataset.charts === 'ready'", timeout=1000 * READY_SECONDS)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert problems == []


def _keep_error(kind: str, text: str, problems: list[str]) -> None:
    if kind in ("error", "warning"):
        problems.append(f"{kind}: {text}")


def _keep_request(url: str, own: Container[str], problems: list[str]) -> None:
    if url.partition("#")[0] not in own and not url.startswith(("data:", "blob:")):
        problems.append(f"request: {url}")
