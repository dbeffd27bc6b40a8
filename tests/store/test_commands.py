"""The commands that trained a sweep."""

from __future__ import annotations

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
