"""The files of the studies in conf/study."""

from __future__ import annotations

from typing import Any

import yaml
from conftest import ROOT

FOLDER = ROOT / "conf" / "study"
NAMES = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in sorted(FOLDER.rglob("*.yaml"))]


def text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text()


def node(name: str) -> dict[str, Any]:
    """Return the content of the file of a study."""
    return yaml.safe_load(text(name))
