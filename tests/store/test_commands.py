"""The commands that trained a sweep."""

from __future__ import annotations

import sys

import pytest

from descentlab.store.commands import read_commands, remember


def test_commands_are_kept_once_each_and_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["train.py", "-m", "seed=range(5)"], ["train.py", "-m"], ["train.py", "-m", "seed=range(5)"]):
        remember(tmp_path, words)
    assert read_commands(tmp_path) == ["python train.py -m 'seed=range(5)'", "python train.py -m"]


def test_programs_outside_the_current_folder_are_not_commands(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "launcher.py").touch()
    monkeypatch.chdir(tmp_path / "work")
    remember(tmp_path, [str(tmp_path / "launcher.py"), "-f", "x.json"])
    remember(tmp_path, ["-c"])
    assert read_commands(tmp_path) == []


def test_a_script_in_the_current_folder_is_a_command(tmp_path, monkeypatch):
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    remember(tmp_path, [str(tmp_path / "mine.py"), "3"])
    assert read_commands(tmp_path) == ["python mine.py 3"]


def test_programs_of_the_environment_are_not_commands(tmp_path, monkeypatch):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "ipython").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    remember(tmp_path, [str(tmp_path / ".venv" / "bin" / "ipython"), "--pdb"])
    remember(tmp_path, [""])  # an interactive interpreter
    assert read_commands(tmp_path) == []


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("logger.api_key=abc", "logger.api_key=..."),
        ("+env.HF_TOKEN=abc", "+env.HF_TOKEN=..."),
        ("+db={passwd: abc}", "+db=..."),
        ("--Secret=abc", "--Secret=..."),
        ("hydra.launcher.setup=[export WANDB=abc]", "hydra.launcher.setup=..."),
        ("+hydra.launcher.additional_parameters.comment=abc", "+hydra.launcher.additional_parameters.comment=..."),
        ("hydra.launcher.partition=gpu", "hydra.launcher.partition=gpu"),
        ("data.tokenizer=own.json", "data.tokenizer=own.json"),
        ("data=tokens", "data=tokens"),
        ("setup", "setup"),
    ],
)
def test_values_that_may_be_secret_are_masked(tmp_path, word, kept):
    remember(tmp_path, ["train.py", word, "seed=1"])
    assert read_commands(tmp_path)[0].endswith(f"train.py {kept} seed=1")


def test_the_value_after_a_secret_flag_of_a_script_is_masked(tmp_path, monkeypatch):
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    remember(tmp_path, ["mine.py", "--show-keys", "--token", "abc", "3"])
    assert read_commands(tmp_path) == ["python mine.py --show-keys --token ... 3"]


def test_a_command_with_a_line_break_is_not_stored(tmp_path):
    remember(tmp_path, ["train.py", "note=a\nb"])
    assert read_commands(tmp_path) == []
