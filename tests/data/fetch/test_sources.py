"""Fetching files: order of the sources, digests, atomic writes, and one fetch by concurrent processes."""

import gzip
import hashlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import DataError, Entry, Files, materialise

CONTENT = {"images.bin": b"pixels" * 1000, "labels.bin": b"labels" * 10}
INVALID_BLOCK = gzip.compress(b"")[:10] + b"\x07" * 20  # a valid header and an invalid deflate stream


def folder(path, content=CONTENT) -> Files:
    """Return a local source: a folder of .gz files; a content given as (raw bytes,) is not compressed."""
    path.mkdir()
    for name, held in content.items():
        (path / f"{name}.gz").write_bytes(held[0] if isinstance(held, tuple) else gzip.compress(held))
    return Files(path.name, str(path), hint=f"install {path.name}")


def entry(*sources) -> Entry:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    return Entry(name="toy", files=digests, sources=sources, licence="none", citation="none")


@pytest.fixture
def server(monkeypatch):
    """A web server of CONTENT: `.asked` lists the requested paths, `.short` makes it send half of each file."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            made.asked.append(self.path)
            time.sleep(made.delay)
            body = gzip.compress(CONTENT[self.path.strip("/").removesuffix(".gz")])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if made.short else body)

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.short, made.delay = [], False, 0.0
    made.source = Files("the web", f"http://127.0.0.1:{made.server_port}")
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def assert_complete(data_dir):
    """Assert that the folder has all files with the published content, and no others."""
    assert {path.name: path.read_bytes() for path in (data_dir / "toy").iterdir() if path.name != ".lock"} == CONTENT


def assert_empty(data_dir):
    assert [path.name for path in (data_dir / "toy").iterdir() if path.name != ".lock"] == []


def test_gzipped_files_of_a_local_folder_are_decompressed(tmp_path):
    files = materialise(entry(folder(tmp_path / "here")), tmp_path / "data")
    assert {name: path.read_bytes() for name, path in files.items()} == CONTENT
    assert_complete(tmp_path / "data")


def test_files_are_fetched_over_http(tmp_path, server):
    materialise(entry(server.source), tmp_path / "data")
    assert_complete(tmp_path / "data")


def test_first_available_source_is_used(tmp_path, server, capsys):
    materialise(entry(folder(tmp_path / "first"), server.source), tmp_path / "data")
    assert server.asked == []
    assert "images.bin from first" in capsys.readouterr().err


@pytest.mark.parametrize(
    "bad",
    [
        {},
        dict.fromkeys(CONTENT, b"something else"),
        dict.fromkeys(CONTENT, (b"not gzip at all",)),
        {name: (gzip.compress(content)[:-20],) for name, content in CONTENT.items()},
        dict.fromkeys(CONTENT, (INVALID_BLOCK,)),
    ],
    ids=["empty", "other bytes", "not gzip", "cut off", "invalid deflate"],
)
def test_source_with_invalid_files_is_skipped(tmp_path, bad):
    materialise(entry(folder(tmp_path / "bad", bad), folder(tmp_path / "good")), tmp_path / "data")
    assert_complete(tmp_path / "data")


def test_source_with_a_broken_connection_is_skipped(tmp_path, server):
    server.short = True
    materialise(entry(server.source, folder(tmp_path / "good")), tmp_path / "data")
    assert_complete(tmp_path / "data")


def test_unreachable_server_is_skipped(tmp_path):
    nowhere = Files("nowhere", "http://127.0.0.1:9")
    materialise(entry(nowhere, folder(tmp_path / "good")), tmp_path / "data")
    assert_complete(tmp_path / "data")


def test_error_lists_each_source_with_its_hint(tmp_path):
    message = r"(?s)toy: images\.bin is not available from any source:.*first.*install first.*second.*install second"
    with pytest.raises(DataError, match=message):
        materialise(entry(folder(tmp_path / "first", {}), folder(tmp_path / "second", {})), tmp_path / "data")
    assert_empty(tmp_path / "data")


def test_file_with_a_wrong_digest_is_refused(tmp_path):
    changed = CONTENT | {"labels.bin": b"changed"}
    with pytest.raises(DataError, match=r"(?s)labels\.bin.*changed.*differs from the published"):
        materialise(entry(folder(tmp_path / "changed", changed)), tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data" / "toy").iterdir()) == [".lock", "images.bin"]


def test_existing_files_are_used_without_a_source(tmp_path):
    complete = entry(folder(tmp_path / "here"))
    materialise(complete, tmp_path / "data")
    files = materialise(replace(complete, sources=()), tmp_path / "data")
    assert {name: path.read_bytes() for name, path in files.items()} == CONTENT


def test_changed_local_file_is_refused(tmp_path):
    complete = entry(folder(tmp_path / "here"))
    path = materialise(complete, tmp_path / "data")["labels.bin"]
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match=rf"{path}.*its digest differs"):
        materialise(complete, tmp_path / "data")


def test_concurrent_processes_fetch_each_file_once(tmp_path, server):
    server.delay = 0.2
    script = (
        "from pathlib import Path; from descentlab.data.fetch.sources import Entry, Files, materialise;"
        f"materialise({entry(server.source)!r}, Path({str(tmp_path / 'data')!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(server.asked) == ["/images.bin.gz", "/labels.bin.gz"]
    assert_complete(tmp_path / "data")


def test_every_entry_has_digests_a_source_a_licence_and_a_citation():
    for entry in REGISTRY.values():
        assert all(len(digest.removeprefix("md5:")) in (32, 64) for digest in entry.files.values()), entry.name
        assert entry.sources
        assert entry.licence
        assert entry.citation
    assert not REGISTRY["fashion_mnist"].sources[0].packaged, "the authors' server comes first"
