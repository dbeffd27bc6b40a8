"""The page as a PDF, printed by an installed Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from descentlab.errors import UsageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PAPER_WIDTH = 704  # CSS pixels between the margins of template/print.css on A4
DRAWING_MS = 60_000  # of the page's own clock: Chromium prints once nothing is left to do
TIMEOUT = 300  # seconds


def print_pdf(page: Path) -> Path:
    """Print `page` into report.pdf in the same folder and return its path.

    Raises:
        UsageError: no Chromium is installed, or it does not print the page.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UsageError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is installed; "
            f"open {page} in a browser and print it from there"
        )
    target = page.resolve().with_suffix(".pdf")
    target.unlink(missing_ok=True)  # an earlier file would pass for the new one
    with tempfile.TemporaryDirectory(prefix="descentlab-", ignore_cleanup_errors=True) as profile:
        command = _command(browser, page, target, profile)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise UsageError(f"{browser} did not print {page} within {TIMEOUT} seconds") from None
    if done.returncode or not target.exists():
        raise UsageError(f"{browser} did not print {page}: {done.stderr.strip()[-500:]}")
    return target


def _command(browser: str, page: Path, target: Path, profile: str) -> list[str]:
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"]
    flags += ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []  # Chromium's sandbox refuses root
    flags += [f"--user-data-dir={profile}", f"--window-size={PAPER_WIDTH},1000", f"--virtual-time-budget={DRAWING_MS}"]
    return [browser, *flags, f"--print-to-pdf={target}", f"{page.resolve().as_uri()}?print"]
