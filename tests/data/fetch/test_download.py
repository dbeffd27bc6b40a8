"""Downloads of archives: resumption after interruptions, digests, pip and npm settings, members and errors."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from conftest import ROOT

from descentlab.data.fetch import download
from descentlab.data.fetch.download import URL, Npm, PyPI, fetch
from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import Archive, Converted, DataError, Entry, materialise

CONTENT = bytes(range(256)) * 4000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A web server of `.pages`: path -> (kind, content). Closes connections after `.stop_after` bytes, records `.ranges`."""
    monkeypatch.setenv("no_proxy", "*")
    state = SimpleNamespace(pages={}, stop_after=None, ranges=[], honour_ranges=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, content = state.pages[self.path]
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.honour_ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: state.stop_after])

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    made.shutdown()
    made.server_close()


@pytest.fixture
def location(server):
    server.pages["/big.zip"] = ("application/zip", CONTENT)
    return URL(f"{server.address}/big.zip")


def test_interrupted_download_continues_after_the_last_byte(server, location, tmp_path):
    server.stop_after = 400_000
    assert fetch(location, tmp_path, digest(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-", "bytes=800000-"]


def test_partial_file_of_a_killed_process_is_continued(server, location, tmp_path):
    (tmp_path / "big.zip.part").write_bytes(CONTENT[:1000])
    assert fetch(location, tmp_path, digest(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    (tmp_path / "big.zip").rename(tmp_path / "big.zip.part")  # killed after the last byte
    assert fetch(location, tmp_path, digest(CONTENT)).read_bytes() == CONTENT


def test_download_restarts_if_the_server_ignores_ranges(server, location, tmp_path):
    server.honour_ranges = False
    (tmp_path / "big.zip.part").write_bytes(b"x" * 1000)
    assert fetch(location, tmp_path, digest(CONTENT)).read_bytes() == CONTENT


def test_download_fails_after_attempts_without_a_new_byte(server, location, tmp_path):
    server.stop_after = 0
    with pytest.raises(Exception, match=r"broke off|IncompleteRead|without sending"):
        fetch(location, tmp_path, digest(CONTENT))
    assert len(server.ranges) == download.ATTEMPTS


def test_existing_archive_is_not_requested_again(server, location, tmp_path):
    fetch(location, tmp_path, digest(CONTENT))
    fetch(location, tmp_path, digest(CONTENT))
    assert len(server.ranges) == 1


def test_archive_with_a_wrong_digest_is_refused_and_deleted(location, tmp_path):
    with pytest.raises(OSError, match="its sha256 differs"):
        fetch(location, tmp_path, digest(b"another"))
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")]


def test_archive_larger_than_the_free_space_is_refused_before_the_download(location, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    source = Archive("the web", location, digest(CONTENT), {"a": "a"})
    entry = Entry(name="toy", files={"a": digest(b"")}, sources=(source,), licence="none", citation="none")
    with pytest.raises(DataError, match=r"no space is left.*data_dir="):
        materialise(entry, tmp_path)


@pytest.fixture
def index(server, monkeypatch):
    """A package index (PEP 503) with the wheels of two versions of toy, the only one that pip's settings name; one wheel."""
    wheels = {version: wheel(version) for version in ("1.0", "1.0.1")}
    page = "".join(f'<a href="/files/{wheel_name(version)}">{wheel_name(version)}</a>' for version in wheels)
    server.pages["/simple/toy/"] = ("text/html", f"<!DOCTYPE html><html><body>{page}</body></html>".encode())
    server.pages |= {f"/files/{wheel_name(version)}": ("application/zip", content) for version, content in wheels.items()}
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple/")
    return wheels["1.0"]


def wheel_name(version, tags="py3-none-any"):
    return f"toy-{version}-{tags}.whl"


def wheel(version, tags="py3-none-any"):
    info = f"toy-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\nRequires-Dist: never-downloaded\n"
    built = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tags}\n"
    files = {"toy/data.txt": version, f"{info}/METADATA": metadata, f"{info}/WHEEL": built, f"{info}/RECORD": ""}
    return zipped({name: content.encode() for name, content in files.items()})


def test_file_of_a_package_comes_from_the_index_in_pips_settings(index, tmp_path):
    location = PyPI("toy", wheel_name("1.0"))
    assert fetch(location, tmp_path, digest(index)).read_bytes() == index
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".{location.file}.lock", location.file]


def test_wheel_of_another_platform_is_downloaded(server, index, tmp_path):
    name = wheel_name("2.0", "cp37-cp37m-manylinux1_x86_64")
    content = wheel("2.0", "cp37-cp37m-manylinux1_x86_64")
    server.pages["/simple/toy/"] = ("text/html", f'<a href="/files/{name}">{name}</a>'.encode())
    server.pages[f"/files/{name}"] = ("application/zip", content)
    assert fetch(PyPI("toy", name), tmp_path, digest(content)).read_bytes() == content


@pytest.mark.parametrize(
    ("name", "expected", "message"),
    [
        (wheel_name("1.0"), b"other", "DO NOT MATCH THE HASHES"),
        (wheel_name("3.0"), b"", r"No matching distribution.*toy==3\.0"),
    ],
)
def test_errors_of_pip_are_reported_and_no_file_is_kept(index, tmp_path, name, expected, message):
    with pytest.raises(OSError, match=message):
        fetch(PyPI("toy", name), tmp_path, digest(expected))
    assert [path.name for path in tmp_path.iterdir()] == [f".{name}.lock"]


def test_selection_of_a_source_distribution():
    location = PyPI("toy", "toy-1.0.tar.gz")
    assert location.selection() == ["--no-binary", ":all:"]
    assert location.requirement("ab") == "toy==1.0 --hash=sha256:ab"


def test_npm_mirror_in_the_environment_is_used(monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://mirror/")
    assert Npm("toy", "1.0").address() == "http://mirror/toy/-/toy-1.0.tgz"


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_are_extracted_or_converted(server, tmp_path, pack):
    packed = pack({"p/a.txt": b"one", "p/b.txt": b"two", "p/setup.py": b"raise SystemExit('run')"})
    server.pages["/toy.whl"] = ("application/zip", packed)
    members = {"a": "p/a.txt", "both": Converted(["p/b.txt", "p/a.txt"], b"+".join)}
    source = Archive("the web", URL(f"{server.address}/toy.whl"), digest(packed), members)
    files = {"a": digest(b"one"), "both": f"md5:{hashlib.md5(b'two+one').hexdigest()}"}
    entry = Entry(name="toy", files=files, sources=(source,), licence="none", citation="none")
    found = materialise(entry, tmp_path)
    assert {name: path.read_bytes() for name, path in found.items()} == {"a": b"one", "both": b"two+one"}
    assert len(server.ranges) == 1
    wrong = Entry(name="other", files={"a": digest(b"1")}, sources=(source,), licence="none", citation="none")
    with pytest.raises(DataError, match="its content differs from the published file"):
        materialise(wrong, tmp_path)


def test_full_disk_is_reported(tmp_path, monkeypatch):
    class Full:
        name, hint, packaged = "full", "", False

        def read(self, file, archives):
            raise OSError(errno.ENOSPC, "No space left on device")

    entry = Entry(name="toy", files={"a": digest(b"")}, sources=(Full(),), licence="none", citation="none")
    with pytest.raises(DataError, match=r"no space is left"):
        materialise(entry, tmp_path)


@pytest.mark.parametrize("name", [name for name, entry in REGISTRY.items() if entry.present(ROOT / "data")])
def test_data_sets_on_this_machine_match_their_digests(name):
    assert all(path.exists() for path in materialise(REGISTRY[name], ROOT / "data").values())
