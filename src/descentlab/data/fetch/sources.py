"""Fetch the files of a data set from the first available source, and verify their digests."""

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

from descentlab.data.fetch.download import Location, fetch, open_url
from descentlab.errors import UsageError

ARCHIVES = "archives"  # folder of downloaded archives in data_dir


class DataError(UsageError):
    """The files of a data set are unavailable or invalid."""


class Source(Protocol):
    """A server, package or folder that holds a data set's files.

    `hint` is a command that makes the source available; `packaged` is True if a package registry provides it.
    """

    @property
    def name(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def packaged(self) -> bool: ...

    def read(self, file: str, archives: Path) -> bytes:
        """Return the content of the canonical `file`.

        Args:
            file: a key of the entry's files.
            archives: the folder that keeps downloaded archives.

        Raises:
            OSError, EOFError, KeyError, HTTPException, zlib.error, zipfile.BadZipFile, tarfile.TarError: it is unavailable.
        """
        ...


@dataclass(frozen=True)
class Files:
    """A URL or a local folder that holds each file separately, with `suffix` appended; .gz files are decompressed."""

    name: str
    base: str
    suffix: str = ".gz"
    hint: str = ""
    packaged: bool = False

    def read(self, file: str, archives: Path) -> bytes:
        held = f"{file}{self.suffix}"
        if "://" in self.base:
            with open_url(f"{self.base}/{held}") as response:
                content: bytes = response.read()
        else:
            content = (Path(self.base) / held).read_bytes()
        return gzip.decompress(content) if self.suffix == ".gz" else content


@dataclass(frozen=True)
class Converted:
    """A canonical file that `convert` derives from the contents of an archive's `members`, in order."""

    members: Sequence[str]
    convert: Callable[[list[bytes]], bytes]


@dataclass(frozen=True)
class Archive:
    """A zip, wheel or tarball, which is read and never installed.

    Args:
        name: shown in messages.
        location: where to download it.
        sha256: of the archive; "" if only the digests of its files are known.
        members: file -> the member with the same content, or the members from which it is converted.
        hint: see Source.
        packaged: see Source.
    """

    name: str
    location: Location
    sha256: str
    members: Mapping[str, str | Converted]
    hint: str = ""
    packaged: bool = False

    def read(self, file: str, archives: Path) -> bytes:
        path = fetch(self.location, archives, self.sha256)
        wanted = self.members[file]
        if isinstance(wanted, str):
            return _members(path, [wanted])[0]
        return wanted.convert(_members(path, wanted.members))


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
    """A data set in the registry.

    Args:
        name: name of the data set and of its folder in data_dir.
        files: path in data_dir/<name> -> sha256, or "md5:" and the digest if the publisher gives only that.
        sources: the sources, in the order in which they are tried.
        licence: the licence of the data.
        citation: the publication to cite.
        page: a web page that describes the data set.
    """

    name: str
    files: Mapping[str, str]
    sources: Sequence[Source]
    licence: str
    citation: str
    page: str = ""

    @property
    def packaged(self) -> bool:
        """True if a package registry provides the data set."""
        return any(source.packaged for source in self.sources)

    def present(self, data_dir: Path) -> bool:
        """Return True if all files exist in `data_dir`. Their digests are not checked."""
        return all((data_dir / self.name / file).exists() for file in self.files)


def materialise(entry: Entry, data_dir: Path) -> dict[str, Path]:
    """Return the path of each file of `entry` in `data_dir`, fetching missing files and checking all digests.

    Raises:
        DataError: no source is available, a digest differs, or the files cannot be written.
    """
    folder = data_dir / entry.name
    files = {file: folder / file for file in entry.files}
    try:
        if not entry.present(data_dir):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):  # one run of a sweep fetches the files, the others wait
                _fetch_missing(entry, files, data_dir / ARCHIVES)
        changed = [path for file, path in files.items() if not _matches(path.read_bytes(), entry.files[file])]
    except OSError as error:
        free = shutil.disk_usage(data_dir).free / 1e6 if data_dir.exists() else 0
        why = f"no space is left ({free:.0f} MB free)" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DataError(f"{entry.name} cannot be written to {folder}: {why}; data_dir=... names another folder") from error
    if changed:
        raise DataError(f"{changed[0]} differs from the published {entry.name} (its digest differs): delete it and retry")
    return files


def _fetch_missing(entry: Entry, files: Mapping[str, Path], archives: Path) -> None:
    sources = list(entry.sources)
    for file, path in files.items():
        if not path.exists():
            _write(path, _fetch(entry, file, sources, archives))


def _fetch(entry: Entry, file: str, sources: list[Source], archives: Path) -> bytes:
    """Return the content of `file` from the first available source. Sources that fail, except the last, leave `sources`."""
    failures: list[str] = []
    for source in list(sources):
        try:
            content = source.read(file, archives)
        except (OSError, EOFError, KeyError, HTTPException, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            content, problem = b"", f"{error}{f' ({source.hint})' if source.hint else ''}"
        else:
            problem = "its content differs from the published file"
        if _matches(content, entry.files[file]):
            print(f"{entry.name}: {file} from {source.name}", file=sys.stderr)
            return content
        failures.append(f"  {source.name}: {problem}")
        if len(sources) > 1:
            sources.remove(source)
    page = f"\n  more information: {entry.page}" if entry.page else ""
    raise DataError(f"{entry.name}: {file} is not available from any source:\n" + "\n".join(failures) + page)


def _matches(content: bytes, digest: str) -> bool:
    """Return True if `content` has the digest of an entry: sha256, or md5 with the prefix "md5:"."""
    kind, _, value = digest.rpartition(":")
    return hashlib.new(kind or "sha256", content).hexdigest() == value


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
