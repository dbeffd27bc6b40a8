"""The command `python train.py`: parses the command line and hands its runs to `sweeps`. Keeps torch out of this process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template
from textwrap import fill
from typing import NoReturn

PRIMARY = "train"  # conf/train.yaml


def main(conf_dir: Path) -> None:
    """Run the command line in sys.argv against the config groups in `conf_dir`; leaves by SystemExit.

    Exit codes: 0 every run ended with a result, 1 some run did not, 2 the command cannot be carried out, 130 interrupted.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_help(conf_dir))
        return

    import yaml

    from descentlab.config.explain import COMPOSITION_ERRORS, explain
    from descentlab.errors import UsageError

    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    try:
        raise SystemExit(_carry_out(_arguments(sys.argv[1:]), conf_dir))
    except (UsageError, yaml.YAMLError, *COMPOSITION_ERRORS) as error:
        if traceback_wanted:
            raise
        message = str(error) if isinstance(error, UsageError) else explain(error, sys.argv[1:])
        print(f"train.py: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if traceback_wanted or error.filename is None:
            raise
        print(f"train.py: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before training began; during it, the queue winds up and says so
        raise SystemExit(130) from None


def _carry_out(arguments: argparse.Namespace, conf_dir: Path) -> int:
    """Train the runs that the command line describes, or show what Hydra's own flags ask for; returns the exit code."""
    from descentlab.config.command_line import Command, config_loader
    from descentlab.config.compose import format_config
    from descentlab.sweeps.launch import launch, place_maker

    if arguments.cfg in ("hydra", "all") or arguments.info or arguments.hydra_help or arguments.shell_completion:
        _show(arguments, conf_dir)
        return 0
    with config_loader(conf_dir, arguments.config_dir) as loader:
        command = Command(loader, arguments.overrides, arguments.multirun, arguments.config_name or PRIMARY)
        if arguments.cfg:
            print(format_config(next(command.runs()), arguments.package, arguments.resolve), end="")
            return 0
        return launch(command.runs(), place_maker(command.launcher, arguments.overrides), dry_run=arguments.dry_run)


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    """The flags and overrides of a command line; flags may stand anywhere.

    Raises:
        UsageError: a flag is unknown, or cannot be combined with another.
    """
    from hydra._internal.utils import get_args_parser

    from descentlab.errors import UsageError

    def refuse(message: str) -> NoReturn:
        raise UsageError(f"{message}; python train.py --help lists what there is")

    parser = get_args_parser()
    parser.error = refuse
    parser.add_argument("--dry-run", action="store_true")
    found = parser.parse_intermixed_args(words)
    if found.multirun and found.cfg:
        raise UsageError("--cfg shows one configuration: leave out -m, and values to sweep over")
    if (found.resolve or found.package) and not found.cfg:
        raise UsageError("--resolve and --package are for --cfg, which shows a configuration")
    if found.dry_run and (found.cfg or found.info):
        raise UsageError("--dry-run checks a command, --cfg and --info show something: leave one out")
    if len([word for word in words if word.partition("=")[0] in ("--config-dir", "-cd")]) > 1:
        raise UsageError("--config-dir is given twice: hydra.searchpath=[A,B] takes several folders")
    if found.config_path is not None:
        raise UsageError("--config-path would leave out descentlab's own config groups: add yours with --config-dir")
    if found.experimental_rerun is not None:
        raise UsageError("--experimental-rerun is not supported: repeat the command with rerun=true")
    return found


def _show(arguments: argparse.Namespace, conf_dir: Path) -> None:
    """Let Hydra show a configuration, its own help, or shell completion."""
    from hydra import version
    from hydra._internal.utils import _run_hydra, get_args_parser

    from descentlab.config.command_line import HYDRA_VERSION

    version.setbase(HYDRA_VERSION)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints errors instead of raising them
    _run_hydra(arguments, get_args_parser(), main, str(conf_dir), PRIMARY)


def _help(conf_dir: Path) -> str:
    """The text of --help; Hydra would compose a whole configuration to say the same."""
    folders = sorted(folder for folder in conf_dir.iterdir() if folder.is_dir() and folder.name != "hydra")
    groups = (fill(f"{group.name}: {', '.join(_options(group))}", 120, subsequent_indent="  ") for group in folders)
    return Template((conf_dir / "help.txt").read_text()).substitute(groups="\n".join(groups)).rstrip()


def _options(group: Path) -> list[str]:
    """What may be chosen of a group: the names of its files, with their folders."""
    return sorted(path.relative_to(group).with_suffix("").as_posix() for path in group.rglob("*.yaml"))
