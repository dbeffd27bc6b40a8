"""Where bytes come from: sources in order, nothing unchecked, nothing half-written, each file fetched once."""

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
INVALID_BLOCK = gzip.compress(b"")[:10] + b"\x07" * 20  # a good header, then what no deflate stream holds


def folder(path, content=CONTENT) -> Files:
    """A local source: a folder of .gz files, and of what is given as (raw bytes,)."""
    path.mkdir()
    for name, held in content.items():
        (path / f"{name}.gz").write_bytes(held[0] if isinstance(held, tuple) else gzip.compress(held))
    return Files(path.name, str(path), hint=f"install {path.name}")


def entry(*sources) -> Entry:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    return Entry(name="toy", files=digests, sources=sources, licence="none", citation="none")


@pytest.fixture
def server(monkeypatch):
    """A web server of CONTENT: `.asked` lists the paths it was asked for, `.short` makes it break off."""
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


def assert_whole(data_dir):
    """All files are there, as published, and nothing else is."""
    assert {path.name: path.read_bytes() for path in (data_dir / "toy").iterdir() if path.name != ".lock"} == CONTENT


def assert_nothing(data_dir):
    assert [path.name for path in (data_dir / "toy").iterdir() if path.name != ".lock"] == []


def test_gzipped_files_of_a_local_folder_are_unpacked(tmp_path):
    files = materialise(entry(folder(tmp_path / "here")), tmp_path / "data")
    assert {name: path.read_bytes() for name, path in files.items()} == CONTENT
    assert_whole(tmp_path / "data")


def test_files_come_over_http(tmp_path, server):
    materialise(entry(server.source), tmp_path / "data")
    assert_whole(tmp_path / "data")


def test_the_first_source_that_has_a_file_gives_it(tmp_path, server, capsys):
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
def test_a_bad_source_is_passed_over(tmp_path, bad):
    materialise(entry(folder(tmp_path / "bad", bad), folder(tmp_path / "good")), tmp_path / "data")
    assert_whole(tmp_path / "data")


def test_a_download_that_breaks_off_is_passed_over(tmp_path, server):
    server.short = True
    materialise(entry(server.source, folder(tmp_path / "good")), tmp_path / "data")
    assert_whole(tmp_path / "data")


def test_a_server_that_is_not_there_is_passed_over(tmp_path):
    nowhere = Files("nowhere", "http://127.0.0.1:9")
    materialise(entry(nowhere, folder(tmp_path / "good")), tmp_path / "data")
    assert_whole(tmp_path / "data")


def test_no_source_is_an_error_that_names_the_file_each_source_and_its_cure(tmp_path):
    with pytest.raises(DataError, match=r"(?s)toy: no source has images\.bin.*first.*install first.*second.*install second"):
        materialise(entry(folder(tmp_path / "first", {}), folder(tmp_path / "second", {})), tmp_path / "data")
    assert_nothing(tmp_path / "data")


def test_bytes_that_are_not_the_published_ones_are_refused_by_name(tmp_path):
    changed = CONTENT | {"labels.bin": b"changed"}
    with pytest.raises(DataError, match=r"(?s)labels\.bin.*changed.*not the published"):
        materialise(entry(folder(tmp_path / "changed", changed)), tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data" / "toy").iterdir()) == [".lock", "images.bin"]


def test_files_already_there_are_used_without_asking_a_source(tmp_path):
    complete = entry(folder(tmp_path / "here"))
    materialise(complete, tmp_path / "data")
    files = materialise(replace(complete, sources=()), tmp_path / "data")
    assert {name: path.read_bytes() for name, path in files.items()} == CONTENT


def test_a_local_file_that_was_changed_is_refused_by_name(tmp_path):
    complete = entry(folder(tmp_path / "here"))
    path = materialise(complete, tmp_path / "data")["labels.bin"]
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match=rf"{path}.*its digest differs"):
        materialise(complete, tmp_path / "data")


def test_two_processes_at_once_fetch_once(tmp_path, server):
    server.delay = 0.2
    script = (
        "from pathlib import Path; from descentlab.data.fetch.sources import Entry, Files, materialise;"
        f"materialise({entry(server.source)!r}, Path({str(tmp_path / 'data')!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(server.asked) == ["/images.bin.gz", "/labels.bin.gz"]
    assert_whole(tmp_path / "data")


def test_every_entry_has_digests_and_says_whose_it_is():
    for entry in REGISTRY.values():
        assert all(len(digest.removeprefix("md5:")) in (32, 64) for digest in entry.files.values()), entry.name
        assert entry.sources
        assert entry.licence
        assert entry.citation
    assert not REGISTRY["fashion_mnist"].sources[0].packaged, "its authors are asked first"
