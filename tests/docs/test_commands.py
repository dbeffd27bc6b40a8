"""The commands in the documentation are valid: their flags, config groups, keys, values, and the targets of make."""

from __future__ import annotations

import argparse
import re
import runpy
import shutil
from pathlib import Path

import pytest
from conftest import options
from support.pages import PAGES, ROOT, add_files, blocks, commands, name_of

from descentlab.cli import _arguments
from descentlab.config.command_line import Command, config_loader
from descentlab.config.table import plan_table
from descentlab.studies.words import load_study, read_request
from descentlab.sweeps.launch import checked_plan

WITH_COMMANDS = [page for page in PAGES if commands(page)]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


valid = set()  # commands that another page has shown to be valid, by their config groups


class Parsed(Exception):
    """Raised in place of what a script would do with its arguments."""


def marked(page: Path):
    """Return the parameter of a page; the fast tests compose the commands of the pages that a new user reads first."""
    first = name_of(page) in ("README.md", "docs/getting-started.md")
    return pytest.param(page, id=name_of(page), marks=() if first else pytest.mark.slow)


@pytest.mark.parametrize("page", [*map(marked, WITH_COMMANDS)])
def test_train_commands_describe_valid_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    conf = ROOT / "conf"
    if any(block.language == "yaml" and block.is_file for block in blocks(page)):
        conf = shutil.copytree(conf, tmp_path / "conf")
        add_files(page, tmp_path)
    for words in {tuple(words[2:]): None for words in commands(page) if words[1] == "train.py"}:
        if (conf, words) not in valid and not {"--help", "--hydra-help"} & set(words):
            for path in (Path(word.removeprefix("data.path=")) for word in words if word.startswith("data.path=")):
                path.touch()
            given = _arguments(words)
            with config_loader(conf, given.config_dir) as loader:
                if any(word.startswith("study=") for word in given.overrides):
                    request = read_request(loader, given.overrides)
                    assert [load_study(loader, name, request.size) for name in request.names]
                    continue
                found = [re.sub(r"^(optimizer\.)?lr=auto", "optimizer.lr=0.02", word) for word in given.overrides]
                command = Command(loader, found, given.multirun)  # with a rate, as a range test would find it
                assert plan_table(command) if command.has_table else checked_plan(command.runs(), print), words
            valid.add((conf, words))


@pytest.fixture
def only_parse(monkeypatch):
    """Stop each script after it has parsed its arguments."""

    def stopping(parse):
        def parse_and_stop(self, *arguments, **keywords):
            parse(self, *arguments, **keywords)
            raise Parsed

        return parse_and_stop

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(getattr(argparse.ArgumentParser, name)))


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_scripts_take_the_arguments_that_they_are_given(page, only_parse, monkeypatch):
    for _, path, *words in (words for words in commands(page) if words[1].startswith("scripts/")):
        text = (ROOT / path).read_text()
        if "argparse" not in text:  # its docstring lists the words that it takes
            assert all(word in text or word in options("problem") for word in words), words
            continue
        monkeypatch.setattr("sys.argv", [path, *words])
        monkeypatch.syspath_prepend(str(ROOT / "scripts"))
        with pytest.raises(Parsed):
            runpy.run_path(str(ROOT / path), run_name="__main__")


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_targets_of_make_exist(page):
    named = {word for words in commands(page) if words[0] == "make" for word in words[1:] if "=" not in word}
    assert not named - TARGETS
