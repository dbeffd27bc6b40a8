"""Every study of the repository: its file is complete, its checks are valid, its runs compose."""

from __future__ import annotations

import pytest
from conftest import ROOT

from descentlab.config.command_line import config_loader
from descentlab.studies.launch import source_of
from descentlab.studies.words import load_study
from descentlab.sweeps.view import ProgressView

FILES = sorted((ROOT / "conf" / "study").rglob("*.yaml"))
NAMES = [path.relative_to(ROOT / "conf" / "study").with_suffix("").as_posix() for path in FILES]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_runs_of_a_study_compose(name):
    with config_loader(ROOT / "conf") as loader:
        source, _ = source_of(loader, load_study(loader, name), [], ProgressView())
        assert source.ask()


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_valid_and_names_its_command(name):
    with config_loader(ROOT / "conf") as loader:
        study = load_study(loader, name)
    header = (ROOT / "conf" / "study" / f"{name}.yaml").read_text().partition("\n")[0]
    assert f"python train.py study={name}" in header
    assert study.cost is not None
    assert study.cost <= 600
    assert study.row or name.startswith("guide/")
