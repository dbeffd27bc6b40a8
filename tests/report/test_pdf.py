"""The page as a PDF."""

from __future__ import annotations

import pytest

from descentlab.errors import UsageError
from descentlab.report import pdf
from descentlab.report.pdf import print_pdf


def test_without_chromium_the_message_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"printed by Chromium, and none of chromium, .* is installed"):
        print_pdf(tmp_path / "report.html")


def test_the_error_of_chromium_is_shown(tmp_path, monkeypatch):
    (tmp_path / "chromium").write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(UsageError, match="no display"):
        print_pdf(tmp_path / "report.html")


@pytest.mark.parametrize("ending", ["exit 0", "exec sleep 60"])
def test_a_pdf_that_is_not_printed_is_an_error_and_leaves_no_earlier_file(tmp_path, monkeypatch, ending):
    (tmp_path / "chromium").write_text(f"#!/bin/sh\n{ending}\n")
    (tmp_path / "chromium").chmod(0o755)
    (tmp_path / "report.pdf").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(pdf, "TIMEOUT", 0.5)
    with pytest.raises(UsageError, match="did not print"):
        print_pdf(tmp_path / "report.html")
    assert not (tmp_path / "report.pdf").exists()
