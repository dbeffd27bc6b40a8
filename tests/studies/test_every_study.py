"""Every study of the repository: its file is complete, its checks are valid, its runs compose."""

from __future__ import annotations

import pytest
from conftest import ROOT
from support.images import cifar, write_imagenet
from support.studies import NAMES, text

from descentlab.config.command_line import config_loader
from descentlab.data.torchvision_sets import CIFAR10
from descentlab.studies.launch import set_up
from descentlab.studies.runs import merged
from descentlab.studies.words import load_study
from descentlab.sweeps.view import ProgressView

SIZES = [(name, "cpu") for name in NAMES] + [(name, "full") for name in NAMES if "\n  full:" in text(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), SIZES)
def test_the_runs_of_a_study_compose(name, size):
    with config_loader(ROOT / "conf") as loader:
        source, tables, _ = set_up(loader, load_study(loader, name, size), [], ProgressView())
        assert source.ask()
        tables.dry_run()


@pytest.fixture
def few_images(tmp_path, monkeypatch):
    """Return overrides for few examples: of fabricated files in the published format where no package registry has the data."""

    def words(problem: str) -> list[str]:
        if problem.startswith("problem=cifar10"):
            cifar(monkeypatch, tmp_path, CIFAR10)
            return [f"data_dir={tmp_path}", "data.limit=20"]
        if problem.startswith("problem=imagenet"):
            write_imagenet(tmp_path)
            facts = ["data.num_features=3072", "data.image_shape=[3,32,32]", "data.num_classes=3", "data.valid_fraction=0.25"]
            return [f"data_dir={tmp_path}", "data.workers=1", "model.name=resnet18", *facts]
        return [f"data_dir={ROOT}/data"]

    return words


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, size in SIZES if size == "full"])
def test_the_size_of_the_paper_trains_three_steps(name, train, few_images):
    with config_loader(ROOT / "conf") as loader:
        study = load_study(loader, name, "full")
    arm = study.arms[0]
    swept = [f"{key}={values[0]}".replace(" ", "") for key, values in {**arm.grid, **arm.over}.items()]
    words = [*study.shared, *arm.words, *swept, *few_images(study.shared[0])]
    words += [] if "batch_size=full" in words else ["batch_size=8"]
    short = ["budget.epochs=null", "budget.steps=3", "validate_every=3", "log_every=1"]
    run = train(*merged(words, [*short, "optimizer.lr=0.0001"]))  # a range test, too, ends without divergence
    assert run.record.status == "completed"
    assert len(run.column("train/loss")) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_valid_and_names_its_command(name):
    with config_loader(ROOT / "conf") as loader:
        study = load_study(loader, name)
    header = text(name).partition("\n")[0]
    assert f"python train.py study={name}" in header
    assert study.cost is not None
    assert study.cost <= 600
    assert study.row or name.startswith("guide/")
