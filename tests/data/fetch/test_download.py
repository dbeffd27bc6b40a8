"""Archives over HTTP: found in an index, taken up again where they broke off, checked, kept, read and never run."""

from __future__ import annotations

import errno
import hashlib
import io
import json
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
from descentlab.data.fetch.sources import Archive, DataError, Entry, Made, materialise

CONTENT = bytes(range(256)) * 4000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A web server of `.pages`: path -> (kind, content); it breaks off after `.stop_after` bytes and notes `.ranges`."""
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
def place(server):
    server.pages["/big.zip"] = ("application/zip", CONTENT)
    return URL(f"{server.address}/big.zip")


def test_what_breaks_off_is_taken_up_where_it_stood(server, place, tmp_path):
    server.stop_after = 400_000
    assert fetch(place, tmp_path, digest(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-", "bytes=800000-"]


def test_what_a_killed_process_left_is_taken_up(server, place, tmp_path):
    (tmp_path / "big.zip.part").write_bytes(CONTENT[:1000])
    assert fetch(place, tmp_path, digest(CONTENT)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    (tmp_path / "big.zip").rename(tmp_path / "big.zip.part")  # killed when all had come
    assert fetch(place, tmp_path, digest(CONTENT)).read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_begins_anew(server, place, tmp_path):
    server.honour_ranges = False
    (tmp_path / "big.zip.part").write_bytes(b"x" * 1000)
    assert fetch(place, tmp_path, digest(CONTENT)).read_bytes() == CONTENT


def test_what_brings_nothing_new_is_given_up(server, place, tmp_path):
    server.stop_after = 0
    with pytest.raises(Exception, match=r"broke off|IncompleteRead|without sending"):
        fetch(place, tmp_path, digest(CONTENT))
    assert len(server.ranges) == download.ATTEMPTS


def test_what_is_here_is_not_asked_for(server, place, tmp_path):
    fetch(place, tmp_path, digest(CONTENT))
    fetch(place, tmp_path, digest(CONTENT))
    assert len(server.ranges) == 1


def test_a_wrong_archive_is_refused_and_not_kept(place, tmp_path):
    with pytest.raises(OSError, match="its sha256 differs"):
        fetch(place, tmp_path, digest(b"another"))
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")]


def test_what_does_not_fit_is_said_before_it_is_fetched(place, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    source = Archive("the web", place, digest(CONTENT), {"a": "a"})
    entry = Entry(name="toy", files={"a": digest(b"")}, sources=(source,), licence="none", citation="none")
    with pytest.raises(DataError, match=r"no space is left.*data_dir="):
        materialise(entry, tmp_path)


@pytest.mark.parametrize("kind", ["json", "html"])
def test_an_index_is_asked_where_a_file_lies(server, monkeypatch, kind):
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple/")
    files = [f"../../files/toy-{version}.tar.gz" for version in ("0.9", "1.0", "1.0.1")]
    as_json = json.dumps({"files": [{"url": file, "filename": file} for file in files]}).encode()
    as_html = "".join(f'<a href="{file}#sha256=0">x</a>' for file in files).encode()
    server.pages["/simple/toy/"] = (download.AS_JSON, as_json) if kind == "json" else ("text/html", as_html)
    found = PyPI("toy", "toy-1.0.tar.gz").find()
    assert found.partition("#")[0] == f"{server.address}/files/toy-1.0.tar.gz"
    with pytest.raises(FileNotFoundError, match=r"has no toy-2\.0"):
        PyPI("toy", "toy-2.0.tar.gz").find()


def test_a_mirror_of_npm_is_asked_where_one_is_named(monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://mirror/")
    assert Npm("toy", "1.0").find() == "http://mirror/toy/-/toy-1.0.tgz"


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
def test_members_become_files_as_they_are_or_put_together(server, tmp_path, pack):
    packed = pack({"p/a.txt": b"one", "p/b.txt": b"two", "p/setup.py": b"raise SystemExit('run')"})
    server.pages["/toy.whl"] = ("application/zip", packed)
    members = {"a": "p/a.txt", "both": Made(["p/b.txt", "p/a.txt"], b"+".join)}
    source = Archive("the web", URL(f"{server.address}/toy.whl"), digest(packed), members)
    files = {"a": digest(b"one"), "both": f"md5:{hashlib.md5(b'two+one').hexdigest()}"}
    entry = Entry(name="toy", files=files, sources=(source,), licence="none", citation="none")
    found = materialise(entry, tmp_path)
    assert {name: path.read_bytes() for name, path in found.items()} == {"a": b"one", "both": b"two+one"}
    assert len(server.ranges) == 1
    wrong = Entry(name="other", files={"a": digest(b"1")}, sources=(source,), licence="none", citation="none")
    with pytest.raises(DataError, match="its bytes are not the published ones"):
        materialise(wrong, tmp_path)


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    class Full:
        name, hint, packaged = "full", "", False

        def read(self, file, archives):
            raise OSError(errno.ENOSPC, "No space left on device")

    entry = Entry(name="toy", files={"a": digest(b"")}, sources=(Full(),), licence="none", citation="none")
    with pytest.raises(DataError, match=r"no space is left"):
        materialise(entry, tmp_path)


@pytest.mark.parametrize("name", [name for name, entry in REGISTRY.items() if entry.here(ROOT / "data")])
def test_what_has_been_fetched_is_what_was_published(name):
    assert all(path.exists() for path in materialise(REGISTRY[name], ROOT / "data").values())
