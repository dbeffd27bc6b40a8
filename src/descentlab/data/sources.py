"""Where the bytes of a data set come from: named sources in order, one canonical set of files, checked by digest."""

from __future__ import annotations

import gzip
import hashlib
import sys
import urllib.request
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock

from descentlab.messages import UsageError

TIMEOUT = 20.0  # seconds without a byte


class DataError(UsageError):
    """A data set's files cannot be had, or are not what they should be."""


@dataclass(frozen=True)
class Source:
    """A place that holds gzipped files: a URL or a local folder."""

    name: str
    base: str
    hint: str = ""

    def read(self, file: str) -> bytes:
        """The unzipped content of `file`.

        Raises:
            OSError: it cannot be reached.
        """
        if "://" not in self.base:
            return gzip.decompress((Path(self.base) / f"{file}.gz").read_bytes())
        with urllib.request.urlopen(f"{self.base}/{file}.gz", timeout=TIMEOUT) as response:
            return gzip.decompress(response.read())


@dataclass(frozen=True)
class Entry:
    """A data set: its files with their sha256 digests, and its sources in the order they are tried."""

    name: str
    files: Mapping[str, str]
    sources: Sequence[Source]
    licence: str
    citation: str


FASHION_MNIST = Entry(
    name="fashion_mnist",
    files={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    sources=(
        Source("the authors' server", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
        Source(
            "Debian's package",
            "/usr/share/datasets/fashion-mnist",
            hint="apt-get install dataset-fashion-mnist",
        ),
    ),
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf, arXiv:1708.07747",
)


def materialise(entry: Entry, data_dir: Path) -> dict[str, Path]:
    """The files of `entry` below `data_dir`, fetched from the first source that has them, each checked by its digest.

    Raises:
        DataError: no source could be reached, or the bytes are not the expected ones.
    """
    folder = data_dir / entry.name
    files = {file: folder / file for file in entry.files}
    if not all(path.exists() for path in files.values()):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # the runs of a sweep fetch once
            _fetch_missing(entry, files)
    for file, path in files.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry.files[file]:
            raise DataError(f"{path} is not the {entry.name} that was published (sha256 differs): delete it and retry")
    return files


def _fetch_missing(entry: Entry, files: Mapping[str, Path]) -> None:
    sources = list(entry.sources)
    for file, path in files.items():
        if not path.exists():
            _write(path, _fetch(entry, file, sources))


def _fetch(entry: Entry, file: str, sources: list[Source]) -> bytes:
    """The content of `file` from the first of `sources` that has it; those that fail are not asked again."""
    failures: list[str] = []
    for source in list(sources):
        try:
            content = source.read(file)
        except (OSError, EOFError, zlib.error, HTTPException) as error:
            content, problem = b"", f"{error}{f' ({source.hint})' if source.hint else ''}"
        else:
            problem = "its bytes are not the published ones"
        if hashlib.sha256(content).hexdigest() == entry.files[file]:
            print(f"{entry.name}: {file} from {source.name}", file=sys.stderr)
            return content
        failures.append(f"  {source.name}, {source.base}: {problem}")
        if len(sources) > 1:
            sources.remove(source)
    raise DataError(f"{entry.name}: no source has {file}:\n" + "\n".join(failures))


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_suffix(".part")
    scratch.write_bytes(content)
    scratch.replace(path)
