"""Read the Markdown pages of the documentation: links, headings, code blocks, commands; execute their examples."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`(?P<text>[^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced code block. Its first line is ```` ```LANGUAGE ROLE ````.

    The role of a file is its path; a block with the role `run` is executed when the page's examples are tested.
    """

    language: str
    role: str
    text: str

    @property
    def is_file(self) -> bool:
        return bool(self.role) and self.role != "run"


def name_of(page: Path) -> str:
    """Return the path of `page` in the repository."""
    return page.relative_to(ROOT).as_posix()


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Return the fenced code blocks of `page`, in order."""
    found = (match for match in FENCE.finditer(page.read_text(encoding="utf-8")))
    return tuple(Block(*(match["info"].strip().partition(" ")[::2]), match["text"]) for match in found)


@cache
def prose(page: Path) -> str:
    """Return `page` without its fenced code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of the links and images of `page` that lead to files or headings, not to other sites."""
    targets = (match["target"] for match in LINK.finditer(prose(page)))
    return [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of `page`."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


def commands(page: Path) -> list[list[str]]:
    """Return the commands of `page` that run descentlab, as lists of words: those of sh blocks, and those in the prose."""
    scripts = (block.text.replace("\\\n", " ") for block in blocks(page) if block.language == "sh")
    lines = [line for script in scripts for line in script.splitlines()]
    lines += [match["text"] for match in INLINE.finditer(prose(page))]
    wanted = (line for line in lines if "python" in line or line.startswith("make "))
    split = (without_environment(shlex.split(line, comments=True)) for line in wanted)
    return [words for words in split if len(words) > 1 and (words[0] == "make" or is_script(words))]


def without_environment(words: list[str]) -> list[str]:
    """Return `words` without the assignments of environment variables in front of the command."""
    first = next((index for index, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words))
    return words[first:]


def is_script(words: list[str]) -> bool:
    """Return True for `python train.py key=value` and `python scripts/NAME.py`, not for a synopsis (`[--write]`, `...`)."""
    synopsis = any(word.startswith("[") or "..." in word or "|" in word for word in words)
    return words[0] == "python" and (words[1] == "train.py" or words[1].startswith("scripts/")) and not synopsis


def checkout(folder: Path) -> Path:
    """Copy what a user's checkout has into `folder`, so that an example may add files to it; returns `folder`."""
    for name in ("src", "conf", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy2(ROOT / "train.py", folder / "train.py")
    if (ROOT / "data").exists():
        (folder / "data").symlink_to((ROOT / "data").resolve())
    return folder


def add_files(page: Path, folder: Path) -> None:
    """Write the files that `page` shows to their paths in `folder`."""
    for block in blocks(page):
        if block.is_file:
            path = folder / block.role
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def run_examples(page: Path, folder: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """Execute the `run` blocks of `page` in the checkout `folder`, one after the other; yields each result."""
    bin_folder = Path(sys.executable).parent
    environment: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": f"{folder}/src",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "WANDB_MODE": "offline",
    }
    # A page may set PYTHONPATH for a command: the checkout stays on it.
    python = f'python() {{ PYTHONPATH="$PYTHONPATH:{folder}/src" command python "$@"; }}\n'
    for block in (block for block in blocks(page) if block.role == "run"):
        line = [sys.executable, "-c", block.text] if block.language == "python" else ["bash", "-euc", python + block.text]
        yield subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
