"""W&B's credentials are found without importing wandb."""

from __future__ import annotations

import subprocess
import sys

import pytest

from descentlab.tracking.credentials import may_be_online, may_have_credentials

pytestmark = pytest.mark.usefixtures("no_credentials")


def test_without_keys_files_and_variables_there_are_no_credentials():
    assert not may_have_credentials()
    assert not may_be_online()


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_a_variable_may_hold_credentials(monkeypatch, name):
    monkeypatch.setenv(name, "x")
    assert may_be_online()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert not may_be_online()


@pytest.mark.parametrize(
    ("entry", "found"),
    [("machine api.wandb.ai login u password x", True), ("default login u password x", True), ("machine h login u", False)],
)
def test_a_netrc_file_counts_if_it_has_an_entry_for_the_server(tmp_path, monkeypatch, entry, found):
    (tmp_path / "netrc").write_text(entry)
    assert may_have_credentials() is found
    monkeypatch.setenv("WANDB_BASE_URL", "https://h")
    assert may_have_credentials()


def test_a_settings_file_may_hold_credentials(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings").touch()
    assert may_have_credentials()


@pytest.mark.parametrize(
    ("mode", "online"), [("online", True), ("shared", True), ("offline", False), ("dryrun", False), ("disabled", False)]
)
def test_wandb_mode_decides_if_it_is_set(monkeypatch, mode, online):
    monkeypatch.setenv("WANDB_API_KEY", "x")
    monkeypatch.setenv("WANDB_MODE", mode)
    assert may_be_online() is online


@pytest.mark.slow
def test_the_modules_of_the_parent_and_of_an_offline_run_do_not_import_wandb():
    names = ("credentials", "mark", "writer", "writer_process", "ended", "wandb")
    imports = "import sys, " + ", ".join(f"descentlab.tracking.{name}" for name in names)
    script = f"{imports}; descentlab.tracking.wandb.mode(); assert not {{'torch', 'wandb'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
