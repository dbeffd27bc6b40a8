"""The words of a command that runs studies, and the files that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from descentlab import compat
from descentlab.config.command_line import options
from descentlab.config.compose import refuse
from descentlab.errors import UsageError, nearest
from descentlab.studies.evaluate import mistakes
from descentlab.studies.study import FIRST_SEED, Study, read_study

GROUP = "study"


@dataclass(frozen=True)
class Request:
    """The words of a command that runs studies.

    Attributes:
        names: the options of the config group `study`.
        size: cpu, or another size that the studies have.
        first_seed: the first of the seeds.
        words: the other overrides, which apply to every arm.
    """

    names: Sequence[str]
    size: str
    first_seed: int
    words: Sequence[str]


def read_request(loader: ConfigLoader, words: Sequence[str]) -> Request:
    """Return what a command asks for.

    Raises:
        UsageError: a study does not exist, or first_seed is no number.
    """
    own = {key: value for key, _, value in (word.partition("=") for word in words) if key in (GROUP, "size", "first_seed")}
    known = sorted(options(loader, GROUP))
    try:
        first = int(own.get("first_seed", FIRST_SEED))
    except ValueError:
        raise UsageError(f"first_seed={own['first_seed']}: it is a whole number") from None
    rest = [word for word in words if word.partition("=")[0] not in (GROUP, "size", "first_seed")]
    return Request(_names(own[GROUP], known), own.get("size", "cpu"), first, rest)


def _names(text: str, known: Sequence[str]) -> list[str]:
    """Return the studies of study=TEXT: a name, several with commas, a folder, a pattern or all."""
    found: dict[str, None] = {}
    pattern = text.removeprefix("glob(").removesuffix(")").strip("'\"")
    for part in pattern.split(","):
        matching = [name for name in known if part in ("all", name) or Path(name).match(part) or name.startswith(f"{part}/")]
        if not matching:
            raise UsageError(f"study={part}: there is none{nearest(part, known)}; python scripts/studies.py list shows all")
        found |= dict.fromkeys(matching)
    return list(found)


def load_study(loader: ConfigLoader, name: str, size: str = "cpu", first_seed: int = FIRST_SEED) -> Study:
    """Return the study of an option of the config group.

    Raises:
        UsageError: its file has a mistake.
    """
    result = compat.config_repository(loader, "train", []).load_config(f"{GROUP}/{name}")
    if result is None or not isinstance(result.config, DictConfig):
        raise UsageError(f"study={name}: there is no such file")
    node = OmegaConf.to_container(result.config, resolve=True)
    assert isinstance(node, dict)
    study = read_study(name, {str(key): value for key, value in node.items()}, size, first_seed)
    refuse(mistakes(study))
    return study
