"""Where the bytes of a data set come from: named sources in order, one canonical set of files, checked by digest."""

from __future__ import annotations

import errno
import gzip
import hashlib
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from descentlab.data.fetch.download import Place, fetch, opened
from descentlab.errors import UsageError

ARCHIVES = "archives"  # the folder below data_dir that keeps what was downloaded whole


class DataError(UsageError):
    """A data set's files cannot be had, or are not what they should be."""


class Source(Protocol):
    """A place that holds a data set's files, and what to do where it cannot be reached; `packaged`: a package registry's."""

    @property
    def name(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def packaged(self) -> bool: ...

    def read(self, file: str, archives: Path) -> bytes:
        """The content of the canonical `file`; `archives` is a folder to keep downloads in.

        Raises:
            OSError, EOFError, KeyError, HTTPException, zlib.error, zipfile.BadZipFile, tarfile.TarError: it cannot be had.
        """
        ...


@dataclass(frozen=True)
class Files:
    """A URL or a local folder that holds the files one by one, each with `suffix`, unzipped where that is .gz."""

    name: str
    base: str
    suffix: str = ".gz"
    hint: str = ""
    packaged: bool = False

    def read(self, file: str, archives: Path) -> bytes:
        held = f"{file}{self.suffix}"
        if "://" in self.base:
            with opened(f"{self.base}/{held}") as response:
                content: bytes = response.read()
        else:
            content = (Path(self.base) / held).read_bytes()
        return gzip.decompress(content) if self.suffix == ".gz" else content


@dataclass(frozen=True)
class Made:
    """A canonical file made of an archive's `members`, in their order."""

    members: Sequence[str]
    by: Callable[[list[bytes]], bytes]


@dataclass(frozen=True)
class Archive:
    """A zip, wheel or tarball. It is read, never installed, and none of its code runs.

    Args:
        place: its URL, or how to find that.
        sha256: of the archive; "" where only the files' digests are known.
        members: file -> the member that it is, or what it is made of.
    """

    name: str
    place: Place
    sha256: str
    members: Mapping[str, str | Made]
    hint: str = ""
    packaged: bool = False

    def read(self, file: str, archives: Path) -> bytes:
        path = fetch(self.place, archives, self.sha256)
        wanted = self.members[file]
        if isinstance(wanted, str):
            return _members(path, [wanted])[0]
        return wanted.by(_members(path, wanted.members))


def _members(path: Path, names: Sequence[str]) -> list[bytes]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return [archive.read(name) for name in names]
    with tarfile.open(path) as archive:
        found = {member.name: member for member in archive.getmembers()}
        files = [archive.extractfile(found[name]) for name in names]
        return [file.read() if file else b"" for file in files]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set: its files with their digests, and its sources in the order they are tried.

    Args:
        files: name below data_dir/<name> -> sha256, or "md5:" and the digest where the publisher gives only that.
        page: where a person reads about it.
    """

    name: str
    files: Mapping[str, str]
    sources: Sequence[Source]
    licence: str
    citation: str
    page: str = ""

    @property
    def packaged(self) -> bool:
        """Whether a package registry has it."""
        return any(source.packaged for source in self.sources)

    def here(self, data_dir: Path) -> bool:
        """Whether all files are below `data_dir`, right or wrong."""
        return all((data_dir / self.name / file).exists() for file in self.files)


def materialise(entry: Entry, data_dir: Path) -> dict[str, Path]:
    """The files of `entry` below `data_dir`, fetched from the first source that has them, each checked by its digest.

    Raises:
        DataError: no source could be reached, the bytes are not the expected ones, or there is no room for them.
    """
    folder = data_dir / entry.name
    files = {file: folder / file for file in entry.files}
    try:
        if not entry.here(data_dir):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):  # the runs of a sweep fetch once
                _fetch_missing(entry, files, data_dir / ARCHIVES)
        changed = [path for file, path in files.items() if not _is(path.read_bytes(), entry.files[file])]
    except OSError as error:
        free = shutil.disk_usage(data_dir).free / 1e6 if data_dir.exists() else 0
        why = f"no space is left ({free:.0f} MB free)" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DataError(f"{entry.name} cannot be written to {folder}: {why}; data_dir=... names another folder") from error
    if changed:
        raise DataError(f"{changed[0]} is not the {entry.name} that was published (its digest differs): delete it and retry")
    return files


def _fetch_missing(entry: Entry, files: Mapping[str, Path], archives: Path) -> None:
    sources = list(entry.sources)
    for file, path in files.items():
        if not path.exists():
            _write(path, _fetch(entry, file, sources, archives))


def _fetch(entry: Entry, file: str, sources: list[Source], archives: Path) -> bytes:
    """The content of `file` from the first of `sources` that has it; those that fail are not asked again."""
    failures: list[str] = []
    for source in list(sources):
        try:
            content = source.read(file, archives)
        except (OSError, EOFError, KeyError, HTTPException, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            content, problem = b"", f"{error}{f' ({source.hint})' if source.hint else ''}"
        else:
            problem = "its bytes are not the published ones"
        if _is(content, entry.files[file]):
            print(f"{entry.name}: {file} from {source.name}", file=sys.stderr)
            return content
        failures.append(f"  {source.name}: {problem}")
        if len(sources) > 1:
            sources.remove(source)
    page = f"\n  about it: {entry.page}" if entry.page else ""
    raise DataError(f"{entry.name}: no source has {file}:\n" + "\n".join(failures) + page)


def _is(content: bytes, digest: str) -> bool:
    """Whether `content` has the digest that an entry gives."""
    kind, _, value = digest.rpartition(":")
    return hashlib.new(kind or "sha256", content).hexdigest() == value


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
