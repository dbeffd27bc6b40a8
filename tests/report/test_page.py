"""The page: complete, escaped and self-contained; and the command that builds it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from descentlab.report import sections
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.page import build, commands, render, write
from descentlab.report.watch import Live
from descentlab.store.record import Status

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"


@pytest.fixture
def sweep(make_run, tmp_path) -> Path:
    make_run()
    make_run("sgd", status=Status.FAILED, reason="<script>alert(1)</script> & more")
    return tmp_path / "sweep"


def test_build_writes_the_page_and_the_tables(sweep):
    page = build([sweep], sweep)
    assert page == sweep / "report.html"
    assert {path.name for path in sweep.iterdir() if path.is_file()} == {
        "report.html",
        "table.csv",
        "table.md",
        "table.tex",
        "curves.parquet",
        "runs.csv",
        "plotly.js",
    }


def test_the_page_is_escaped_and_self_contained(sweep, tmp_path):
    text = build([sweep], tmp_path / "out").read_text()
    own = re.sub(r'<script type="application/gzip".*?</script>', "", text, flags=re.DOTALL)
    assert len(own) < 100_000 < len(text) < 2_500_000
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in own
    assert not re.search(r'(?:src|href)=(?!"data:|"#|"\.\./sweep/|"(?:table|runs|curves)\.)|url\(|https?://', own)


def test_settings_that_differ_are_listed_apart_from_shared_ones(make_run, tmp_path):
    for optimizer, lr in {"adam": 0.001, "sgd": 0.1}.items():
        make_run(optimizer, config={"optimizer": {"lr": lr}, "batch_size": 77})
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    differing, same = text.partition('<h2 id="configs">')[2].partition("<h2")[0].split("<details>")
    assert re.search(r"optimizer.lr</th><td>0.001</td><td>0.1</td>", differing)
    assert '<th scope="row">batch_size</th><td>77</td>' in same
    assert "batch_size" not in differing
    assert "optimizer.lr" not in same


def test_the_page_of_a_sweep_without_results_shows_the_reasons(make_run, tmp_path):
    make_run(status=Status.CRASHED, summary={}, curves=[], reason="signal 9")
    assert "signal 9" in build([tmp_path / "sweep"], tmp_path / "out").read_text()


def test_the_report_does_not_import_torch():
    heavy = "import sys, descentlab.report.page; print({'torch', 'lightning', 'hydra'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True).strip() == "set()"


@pytest.mark.slow
def test_the_command_prints_the_path_or_the_error(sweep, tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT), str(sweep)], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("report.html")
    failed = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "no")], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr == f"report: no such folder: {tmp_path / 'no'}\n"


def test_artifacts_are_shown_and_escaped(make_run, tmp_path):
    run = make_run(summary={"test": {"accuracy": 0.8, "auroc": 0.91}, "baseline": {"name": "a_tree", "test": {"auroc": 0.7}}})
    (run.folder / "exhibits").mkdir()
    (run.folder / "exhibits" / "sample.txt").write_text("To be & <not> to be")
    (run.folder / "exhibits" / "faces.png").write_bytes(b"\x89PNG")
    own = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert "To be &amp; &lt;not&gt; to be" in own
    assert 'src="data:image/png;base64,iVBORw=="' in own
    assert re.search(r"All test metrics.*auroc.*0\.91.*a_tree.*0\.7", own, re.DOTALL)


def test_data_reading_is_shown_once_and_escaped(make_run, tmp_path):
    columns = [{"name": "<x1>", "read_as": "number", "detail": "date, in days"}]
    for optimizer in ("adam", "sgd"):
        record = make_run(optimizer)
        record.data.update(columns=columns, warnings=["valid has a single row."])
        record.write(record.folder)
    results = load([tmp_path / "sweep"])
    page = render(results, compare(results))
    assert page.count("How the data were read") == 1
    assert page.count("valid has a single row.") == 1
    assert "<td>&lt;x1&gt;</td><td>number</td><td>date, in days</td>" in page
    assert "read_as" not in page


def test_data_without_descriptions_have_no_section(sweep):
    results = load([sweep])
    assert "How the data were read" not in render(results, compare(results))


def fail(runs):
    raise ZeroDivisionError("no room")


def test_the_tables_are_written_if_the_page_cannot_be_drawn(sweep, monkeypatch, capsys):
    monkeypatch.setattr(sections, "provenance", fail)
    built = build([sweep], sweep)
    assert "The page could not be drawn: ZeroDivisionError: no room" in built.read_text()
    assert {"table.csv", "table.md", "runs.csv"} <= {path.name for path in sweep.iterdir()}
    assert "the page could not be drawn, the tables were written: ZeroDivisionError: no room" in capsys.readouterr().err


def test_commands_include_wandb_only_if_its_folder_contains_runs(sweep):
    (sweep / "wandb").mkdir()
    assert not [line for line, _ in commands([sweep]) if line.startswith("wandb")]
    (sweep / "wandb" / "offline-run-1").mkdir()
    assert re.match("wandb leet", commands([sweep])[0][0])


def test_scratch_files_of_another_process_are_left_alone(sweep):
    for name in (".report.html", ".curves.parquet"):
        (sweep / name).mkdir()
    assert "could not be drawn" not in build([sweep], sweep).read_text()
    assert (sweep / "curves.parquet").is_file()


def test_a_live_page_is_written_without_tables(sweep, tmp_path):
    results = load([sweep])
    text = write(results, compare(results), tmp_path / "out", Live("1", 5)).read_text()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
    assert 'href="runs.csv"' not in text
    assert 'href="runs.csv"' in write(results, compare(results), tmp_path / "out").read_text()
    assert (tmp_path / "out" / "runs.csv").exists()
