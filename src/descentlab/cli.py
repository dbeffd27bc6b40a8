"""The command `python train.py`: Hydra composes, `sweeps` does the rest. Keeps torch out of this process."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from string import Template
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import DictConfig

    from descentlab.sweeps.compose import Composed


def main(conf_dir: Path) -> None:
    """Run the command line in sys.argv against the config groups in `conf_dir`; leaves by SystemExit.

    Exit codes: 0 every run ended with a result, 1 some run did not, 2 the command cannot be carried out, 130 interrupted.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_help(conf_dir))
        return

    import hydra

    from descentlab.messages import COMPOSITION_ERRORS, UsageError, explain
    from descentlab.sweeps.launch import launch, place_maker

    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing, and `explain` gets to speak
    try:
        words = {word.partition("=")[0] for word in sys.argv[1:]}
        if {"-m", "--multirun"} & words and {"-c", "--cfg"} & words:
            raise UsageError("--cfg shows one configuration: leave out -m, and values to sweep over")
        sys.argv[1:] = _each_run_for_itself(sys.argv[1:])
        kept: list[tuple[Composed, dict[str, Any]]] = []
        hydra.main(config_path=str(conf_dir), config_name="train", version_base="1.3")(partial(_keep, kept))()
        raise SystemExit(launch([composed for composed, _ in kept], place_maker(kept[0][1])) if kept else 0)
    except (UsageError, *COMPOSITION_ERRORS) as error:
        if traceback_wanted:
            raise
        message = str(error) if isinstance(error, UsageError) else explain(error)
        print(f"train.py: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if traceback_wanted or error.filename is None:
            raise
        print(f"train.py: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before training began; during it, the queue winds up and says so
        raise SystemExit(130) from None


def _help(conf_dir: Path) -> str:
    """The text of --help; Hydra would compose a whole configuration to say the same."""
    folders = sorted(folder for folder in conf_dir.iterdir() if folder.is_dir() and folder.name != "hydra")
    groups = (fill(f"{group.name}: {', '.join(_options(group))}", 120, subsequent_indent="  ") for group in folders)
    return Template((conf_dir / "help.txt").read_text()).substitute(groups="\n".join(groups)).rstrip()


def _options(group: Path) -> list[str]:
    """What may be chosen of a group: the names of its files, with their folders."""
    return sorted(path.relative_to(group).with_suffix("").as_posix() for path in group.rglob("*.yaml"))


def _each_run_for_itself(words: list[str]) -> list[str]:
    """Keep the values that a sweep sets inside a group from the config that Hydra composes before it looks at the runs.

    That one has the default of every group that is swept: `-m optimizer=momentum,nesterov optimizer.momentum=0.5` would
    fail, for the default optimizer has no momentum. Written as a choice of one, a value waits for its run.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if not {"-m", "--multirun"} & set(words):
        return words
    parser = OverridesParser.create()
    return [_as_choice(parser, word) if "." in word.partition("=")[0] and "=" in word else word for word in words]


def _as_choice(parser: OverridesParser, word: str) -> str:
    override = parser.parse_override(word)
    hydra = (override.key_or_group or "").startswith("hydra")
    if override.is_sweep_override() or override.is_delete() or hydra or override.value() is None:  # no choice of null
        return word
    return f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"


def _keep(kept: list[tuple[Composed, dict[str, Any]]], config: DictConfig) -> None:
    """Hydra's task function: a single run starts only when Hydra is done. (A sweep is started by its launcher.)"""
    from hydra.core.hydra_config import HydraConfig

    from descentlab.sweeps.compose import as_composed

    hydra = HydraConfig.get()
    overrides = list(hydra.overrides.task)
    kept.append((as_composed(config, hydra.runtime.choices, overrides), dict(hydra.launcher)))
