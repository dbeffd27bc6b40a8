"""A data folder that is a symbolic link leaves the checkout clean, as records report it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from conftest import ROOT

from descentlab.store import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A committed repository with this repository's .gitignore and a package, whose state provenance reports."""
    folder = tmp_path / "checkout"
    package = folder / "src" / "descentlab"
    package.mkdir(parents=True)
    (package / "module.py").write_text("VALUE = 1\n")
    shutil.copy(ROOT / ".gitignore", folder)
    author = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message=First"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    return folder


def dirty():
    return provenance.code.__wrapped__()["dirty"]  # without the cache of a process


def test_symlinked_data_folder_leaves_the_checkout_clean(checkout, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (checkout / "data").symlink_to(tmp_path / "elsewhere")
    assert dirty() is False


def test_data_folder_leaves_the_checkout_clean(checkout):
    (checkout / "data").mkdir()
    (checkout / "data" / "table.csv").touch()
    assert dirty() is False


def test_changed_and_untracked_sources_make_the_checkout_dirty(checkout):
    (checkout / "src" / "descentlab" / "data").mkdir()
    (checkout / "src" / "descentlab" / "data" / "new.py").touch()
    assert dirty() is True, "only the data folder at the root is ignored"
