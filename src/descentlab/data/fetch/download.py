"""Whole archives over the network: found, fetched with a bar, taken up again where they broke off, checked, kept."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

TIMEOUT = 20.0  # seconds without a byte
ATTEMPTS = 3  # in a row that bring nothing new
PIECE = 2**18  # bytes
AS_JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691


@dataclass(frozen=True)
class URL:
    """An address as it is; the last part of it names the file."""

    address: str

    def find(self) -> str:
        return self.address

    @property
    def file(self) -> str:
        return self.address.rpartition("/")[2]


@dataclass(frozen=True)
class PyPI:
    """A file of a project in the package index that pip asks, or in the mirror that PIP_INDEX_URL names."""

    project: str
    file: str

    def find(self) -> str:
        page = f"{(os.environ.get('PIP_INDEX_URL') or _pips_index()).rstrip('/')}/{self.project}/"
        with opened(page, Accept=f"{AS_JSON}, text/html;q=0.1") as response:
            content, kind = response.read().decode(), response.headers.get_content_type()
        links = [file["url"] for file in json.loads(content)["files"]] if kind == AS_JSON else _hrefs(content)
        found = [link for link in links if urllib.parse.urlsplit(link).path.rpartition("/")[2] == self.file]
        if not found:
            raise FileNotFoundError(f"{page} has no {self.file}")
        return urllib.parse.urljoin(page, found[0])


@dataclass(frozen=True)
class Npm:
    """The tarball of a package in the registry that npm asks, or in the mirror that NPM_CONFIG_REGISTRY names."""

    package: str
    version: str

    def find(self) -> str:
        registry = os.environ.get("NPM_CONFIG_REGISTRY") or _npms_registry()
        return f"{registry.rstrip('/')}/{self.package}/-/{self.file}"

    @property
    def file(self) -> str:
        return f"{self.package}-{self.version}.tgz"


Place = URL | PyPI | Npm


def fetch(place: Place, folder: Path, sha256: str) -> Path:
    """The archive in `folder`, downloaded unless it is there.

    Raises:
        OSError, HTTPException: it cannot be reached, there is no room, or its digest is another; what has arrived of it is
            kept for the next time, unless it is wrong.
    """
    path = folder / place.file
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{place.file}.lock"):
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            _bring(place.find(), part)
            if sha256 and hashlib.sha256(part.read_bytes()).hexdigest() != sha256:
                part.unlink()
                raise OSError("the archive is not the published one (its sha256 differs)")
            part.replace(path)
    return path


def opened(url: str, **headers: str) -> HTTPResponse:
    """The response to a request for `url`."""
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _pips_index() -> str:
    """Raises: FileNotFoundError: pip is not there to say."""
    try:
        from pip._internal.models.index import PyPI as Index
    except ImportError as error:
        raise FileNotFoundError("pip, which knows the index, is not installed; or set PIP_INDEX_URL") from error
    return Index.simple_url


def _npms_registry() -> str:
    """Raises: FileNotFoundError: npm is not there to say."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm, which knows the registry, is not installed; or set NPM_CONFIG_REGISTRY")
    return subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False).stdout.strip()


def _bring(url: str, part: Path) -> None:
    """Append to `part` until it is whole; a connection that breaks off is made anew."""
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
                if isinstance(error, urllib.error.HTTPError) and error.code == 416:  # nothing is left to ask for
                    return None
                failures = failures + 1 if not part.exists() or part.stat().st_size == before else 0
                answered = isinstance(error, urllib.error.HTTPError)
                if answered or failures == ATTEMPTS or getattr(error, "errno", None) == errno.ENOSPC or not part.exists():
                    raise


def _append(url: str, part: Path, show: Any) -> None:
    done = part.stat().st_size if part.exists() else 0
    with opened(url, **({"Range": f"bytes={done}-"} if done else {})) as response:
        if response.status != 206:  # the server begins anew, and so must we
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


def _hrefs(page: str) -> list[str]:
    """The links of an index's HTML page (PEP 503)."""
    from html.parser import HTMLParser

    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for key, value in attrs if tag == "a" and key == "href" and value)

    Links().feed(page)
    return found
