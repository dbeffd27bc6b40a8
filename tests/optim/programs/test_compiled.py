"""The cache of compiled programs: its key, its errors, processes that compile at the same time, and files left behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from descentlab import compat
from descentlab.optim.programs import compiled

SCRIPT = """
import sys, torch
from descentlab import compat
from descentlab.optim.programs import compiled
x = torch.zeros(4)
graph = compat.trace(lambda x: [x.add_(1.0).sin()], [x])
try:
    function = compiled.compiled(graph, [x])
except RuntimeError as error:
    sys.exit(f"refused: {error}")
with torch.no_grad():
    (result,) = function(x)
assert torch.equal(x, torch.ones(4)) and torch.allclose(result, x.sin()), (x, result)
print("computed", flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


def graph_of(factor=2.0, size=4, dtype=torch.float32):
    constant = torch.full((size,), factor)
    inputs = [torch.zeros(size, dtype=dtype)]
    return compat.trace(lambda x: [x * constant], inputs), inputs


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENTLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "programs"


@pytest.fixture
def other_precision():
    before = torch.get_float32_matmul_precision()
    yield lambda: torch.set_float32_matmul_precision("medium")
    torch.set_float32_matmul_precision(before)


def test_file_depends_on_code_constants_shapes_types_and_settings(other_precision):
    usual = compiled.path_of(*graph_of())
    assert compiled.path_of(*graph_of()) == usual
    others = [compiled.path_of(*graph_of(**each)) for each in ({"factor": 3.0}, {"size": 5}, {"dtype": torch.float64})]
    other_precision()
    others.append(compiled.path_of(*graph_of()))
    assert len({usual, *others}) == 5
    assert usual.parent == compiled.cache_folder()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DESCENTLAB_CACHE", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match=r"file/programs cannot be written .*DESCENTLAB_CACHE names another folder"):
        compiled.compiled(*graph_of())


def test_a_damaged_file_is_an_error(cache):
    path = compiled.path_of(*graph_of())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    with pytest.raises(RuntimeError):
        compiled.compiled(*graph_of())


def start(tmp_path, **more):
    (tmp_path / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1", **more}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, **streams)


@pytest.mark.slow
def test_processes_share_a_program_and_leave_no_other_file_even_if_killed(tmp_path, cache):
    processes = [start(tmp_path), start(tmp_path)]
    outputs = [process.communicate(timeout=600) for process in processes]
    assert [output for output, _ in outputs] == ["computed\n"] * 2, outputs
    (program,) = cache.glob("*.pt2")
    assert {path.name for path in cache.iterdir()} <= {program.name, program.with_suffix(".lock").name}
    left = {path.name for path in (tmp_path / "tmp").iterdir() if not path.name.startswith("torchinductor")}
    assert left == set()  # torch keeps precompiled headers in its own cache


@pytest.mark.slow
def test_without_a_compiler_the_error_is_plain(tmp_path, cache):
    process = start(tmp_path, PATH="/nowhere", CXX="/nowhere/compiler")
    _, errors = process.communicate(timeout=600)
    assert "refused: the program could not be compiled" in errors, errors
    assert process.returncode == 1
    assert not list(cache.glob("*.pt2"))
    assert not list(cache.glob("*.build"))


def test_trace():
    """Fix: look in make_fx for the argument that lets a function hold tensors itself; without it, class weights are refused."""
    weights = torch.tensor([1.0, 2.0])
    graph = compat.trace(lambda x: [x * weights], [torch.zeros(2)])
    torch.testing.assert_close(graph(torch.ones(2))[0], weights)


@pytest.mark.slow
def test_flat_call(tmp_path):
    """Fix: look in AOTICompiledModel.__call__ for the call of its loader; returning the program costs 25 us per call."""
    inputs = (torch.ones(3), torch.arange(3.0))
    compat.compile_program(make_fx(lambda a, b: [a + b, a * b])(*inputs), inputs, tmp_path / "program.pt2")
    program = compat.load_program(tmp_path / "program.pt2")
    fast = compat.flat_call(program)
    assert fast is not program
    assert [each.tolist() for each in fast(*inputs)] == [each.tolist() for each in program(*inputs)] == [[1, 2, 3], [0, 1, 2]]
    assert compat.flat_call(sum) is sum
