"""The studies: `python scripts/studies.py list | run NAME ... | show NAME | report [FOLDER]`.

list    every study with its state, cost and verdict
run     train and evaluate studies, as python train.py study=NAME does; takes the same overrides
show    the claim of a study, its arms and checks, and its verdict if it has one
report  write the index of the studies in a folder, and print the verdicts as a Markdown table (--markdown FILE: into a file)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

from descentlab.errors import UsageError, exit_with, nearest
from descentlab.report import study_index
from descentlab.report.tables import make_console
from descentlab.store.verdict import PLAN, StudyVerdict

ROOT = Path(__file__).parents[1]
FILES = ROOT / "conf" / "study"


def main() -> None:
    arguments = _arguments()
    try:
        if arguments.action == "list":
            _list(arguments.folder)
        elif arguments.action == "run":
            names = ",".join(word for word in arguments.words if "=" not in word) or "all"
            line = [
                sys.executable,
                str(ROOT / "train.py"),
                f"study={names}",
                *(word for word in arguments.words if "=" in word),
            ]
            sys.exit(subprocess.run(line, check=False).returncode)
        elif arguments.action == "show":
            _show(arguments.name, arguments.folder)
        else:
            _report(arguments.folder, arguments.markdown)
    except (OSError, ValueError) as error:
        exit_with("studies", error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every study with its state, cost and verdict")
    run = actions.add_parser("run", help="train and evaluate studies")
    run.add_argument("words", nargs="*", metavar="NAME|KEY=VALUE", help="names of studies (default: all), size=, overrides")
    show = actions.add_parser("show", help="a study in full")
    show.add_argument("name", metavar="NAME")
    report = actions.add_parser("report", help="write the index of the studies in a folder")
    report.add_argument("--markdown", type=Path, metavar="FILE", help="replace the table of this file, such as docs/studies.md")
    for action in (listing, show):
        action.add_argument("--folder", type=Path, default=Path("outputs"), help="the folder of the sweeps (default: outputs)")
    report.add_argument(
        "folder", type=Path, nargs="?", default=Path("outputs"), help="the folder of the sweeps (default: outputs)"
    )
    return parser.parse_args()


def _files() -> dict[str, dict[str, object]]:
    """Return the content of every study's file, by name."""
    found = {path.relative_to(FILES).with_suffix("").as_posix(): path for path in sorted(FILES.rglob("*.yaml"))}
    return {name: yaml.safe_load(path.read_text()) for name, path in found.items()}


def _verdicts(folder: Path) -> dict[str, StudyVerdict]:
    """Return the verdict of each study at size=cpu by name, of several sets of seeds that with the lowest."""
    found = [verdict for verdict in study_index.find_verdicts(folder).values() if verdict.size == "cpu"]
    return {verdict.name: verdict for verdict in sorted(found, key=lambda each: each.seeds, reverse=True)}


def _list(folder: Path) -> None:
    from rich.table import Table

    verdicts, console = _verdicts(folder), make_console()
    started = {path.parent.name for path in folder.glob(f"*/{PLAN}")}
    table = Table("study", "claim", "cost (s)", "expected", "verdict", box=None, padding=(0, 2, 0, 0))
    for name, content in _files().items():
        has_begun = f"study-{name.replace('/', '-')}" in started
        state = verdicts[name].verdict if name in verdicts else "incomplete" if has_begun else "not run"
        table.add_row(
            name, str(content["claim"]), str(content.get("cost", "")), str(content.get("expected", "reproduced")), state
        )
    console.print(table)


def _show(name: str, folder: Path) -> None:
    files = _files()
    if name not in files:
        raise UsageError(f"there is no study {name}{nearest(name, files)}; python scripts/studies.py list shows all")
    print((FILES / f"{name}.yaml").read_text().rstrip())
    verdict = _verdicts(folder).get(name)
    if verdict is None:
        print(f"\nno verdict in {folder}: python train.py study={name}")
        return
    print()
    for row in study_index.lines_of(verdict):
        print(row)


def _report(folder: Path, markdown: Path | None) -> None:
    verdicts = list(study_index.find_verdicts(folder).values())
    if not verdicts:
        raise FileNotFoundError(f"there is no verdict of a study in {folder}: python train.py study=all")
    print(study_index.write(folder))
    if markdown is None:
        print(study_index.markdown(verdicts))
    else:
        study_index.replace_table(markdown, verdicts)
        print(markdown)


if __name__ == "__main__":
    main()
