"""Each study can fail: a wrong version of it (sabotage.yaml) is not reproduced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from support.commands import TRAIN, run_script
from support.studies import NAMES, node

from descentlab.store.verdict import StudyVerdict

WITHOUT = {"paper/saddle_points"}  # a wrong version has no critical points to compare, or the same relation
STUDIES = [name for name in NAMES if name not in WITHOUT]
SABOTAGE: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("sabotage.yaml").read_text())


def sabotaged(name: str) -> dict[str, Any]:
    """Return the content of the wrong version of a study."""
    study, wrong = node(name), SABOTAGE[name]
    checks = [check if isinstance(check, Mapping) else study["checks"][check] for check in wrong["checks"]]
    compared = {arm for check in checks for arm in (*check.get("arms", study["arms"]), *named_in(check["quantity"]))}
    unknown = set(wrong["arms"]) - set(study["arms"])
    assert not unknown, f"{name} has no arm {unknown}"
    arms = {arm: content for arm, content in {**study["arms"], **wrong["arms"]}.items() if arm in compared | set(wrong["arms"])}
    return {
        **{key: study[key] for key in ("source", "claim", "shows")},
        "shared": [*study.get("shared", []), *wrong.get("shared", [])],
        "over": wrong.get("over", study.get("over", {})),
        "arms": arms,
        "checks": checks,
        "seeds": {"report": wrong.get("seeds", 1)},
    }


def named_in(quantity: Any) -> Iterator[str]:
    """Yield the arms that a quantity of several runs names."""
    if isinstance(quantity, Mapping):
        yield from quantity.get("arms", ())
        yield from (arm for group in (*quantity.get("pairs", ()), *quantity.get("join", ())) for arm in group)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> dict[str, StudyVerdict | None]:
    """Run the wrong versions of all studies with one command; return their verdicts."""
    folder = tmp_path_factory.mktemp("sabotage")
    (folder / "conf/study/wrong").mkdir(parents=True)
    short = {name: name.replace("/", "_") for name in STUDIES}
    for name in STUDIES:
        (folder / f"conf/study/wrong/{short[name]}.yaml").write_text(yaml.safe_dump(sabotaged(name), sort_keys=False))
    words = ["--config-dir", str(folder / "conf"), "study=glob(wrong/*)", f"output_dir={folder}/out", f"data_dir={ROOT}/data"]
    done = run_script(TRAIN, *words, "logger=none", timeout=1500)
    found = {name: StudyVerdict.read(folder / f"out/study-wrong-{short[name]}") for name in STUDIES}
    assert any(found.values()), done.stderr
    return found


def test_every_study_has_a_wrong_version():
    assert sorted(SABOTAGE) == STUDIES


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_wrong_version_is_not_reproduced(verdicts, name):
    verdict = verdicts[name]
    assert verdict is not None, "the study did not end with a verdict"
    assert verdict.verdict == "not reproduced", f"{SABOTAGE[name]['why']}: {verdict}"
