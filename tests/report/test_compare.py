"""The answers of comparisons, and the commands that print them."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from descentlab.errors import UsageError
from descentlab.report import page
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.question import Question
from descentlab.report.statement import statement
from descentlab.sweeps import summary
from descentlab.tracking.writer import Writer

COMPARE = Path(__file__).parents[2] / "scripts" / "compare.py"


def run(*words):
    return subprocess.run([sys.executable, COMPARE, *map(str, words)], capture_output=True, text=True, check=False)


def flat(text):
    return " ".join(text.split())


def test_pairs_are_of_the_best_entry_or_of_the_named_reference(make_tuned):
    results = load([make_tuned({"muon": 0.95, "adam": 0.9, "sgd": 0.8})])
    (answer,) = compare(results)
    assert [(pair.entry.name, pair.other.name) for pair in answer.pairs] == [("muon", "adam"), ("muon", "sgd")]
    assert (answer.reference.name, answer.headline) == ("adam", answer.pairs[0])
    (answer,) = compare(results, reference="adam")
    assert [(pair.entry.name, pair.other.name) for pair in answer.pairs] == [("muon", "adam"), ("sgd", "adam")]


def test_p_values_are_corrected_for_the_number_of_pairs(make_tuned):
    two, three = ({"a": 0.9, "b": 0.9005}, {"a": 0.9, "b": 0.9005, "c": 0.5})
    (single,) = compare(load([make_tuned(two)]))
    (double,) = compare(load([make_tuned(three, problem="other")]))[1:]
    pair = next(pair for pair in double.pairs if {pair.entry.name, pair.other.name} == {"a", "b"})
    assert single.pairs[0].p == single.pairs[0].difference.p_t
    assert pair.p >= pair.difference.p_t
    assert pair.conclusion.p == pair.p


def test_data_seeds_distinguish_pairs(make_run, tmp_path):
    for name, shift in (("adam", 0.0), ("sgd", 0.1)):
        for seed in range(2):
            for data_seed in range(2):
                value = 0.5 + shift + 0.01 * seed + 0.003 * data_seed
                make_run(name, seed=seed, config={"data_seed": data_seed}, summary={"test": {"accuracy": value}})
    (answer,) = compare(load([tmp_path / "sweep"]))
    assert (answer.pairs[0].difference.n, answer.pairs[0].difference.difference) == (4, pytest.approx(0.1))


def test_a_metric_that_one_problem_lacks_is_replaced_by_its_own(make_run, tmp_path):
    make_run(summary={"test": {"accuracy": 0.8}})
    other = {"task": {"monitor": "rmse", "mode": "min"}}
    make_run(problem="diabetes", config=other, summary={"test": {"rmse": 2.0}, "monitor": "rmse", "mode": "min"})
    results = load([tmp_path / "sweep"])
    assert [answer.by.key for answer in compare(results, by="valid/accuracy")] == ["valid/accuracy", "valid/rmse"]
    with pytest.raises(UsageError, match="cannot compare by valid/nothing"):
        compare(results, by="valid/nothing")


def test_an_unknown_reference_is_an_error(make_tuned):
    with pytest.raises(UsageError, match="no optimizer is called adm: there are adam; did you mean adam"):
        compare(load([make_tuned({"adam": 0.9})]), reference="adm")


def test_the_statement_is_the_same_everywhere(make_tuned, capsys):
    sweep = make_tuned({"adam": 0.9, "muon": 0.95})
    summary.show(sweep, None, Writer(pytest.fail))
    text = statement(compare(load([sweep]))[0])
    assert flat(capsys.readouterr().out).startswith(text)
    assert flat(run(sweep).stdout).startswith(text)
    assert text in (sweep / "table.md").read_text()
    first = re.search(r"<body>.*?<p[^>]*>(.*?)</p>", (sweep / "report.html").read_text(), re.DOTALL)
    assert unescape(re.sub(r"<[^>]*>", "", first.group(1))) == text


@pytest.mark.slow
def test_the_question_of_a_command_is_kept_for_the_scripts(make_tuned, tmp_path):
    sweep = make_tuned({"adam": 0.9, "muon": 0.95, "sgd": 0.8})
    summary.show(sweep, {"by": "valid/accuracy", "reference": "sgd", "margin": 0.5}, Writer(pytest.fail))
    assert Question.read([sweep]) == Question("valid/accuracy", "sgd", 0.5)
    assert "validation accuracy, practically equal to sgd" in flat(run(sweep).stdout)
    assert "validation accuracy, better than adam" in flat(run(sweep, "--reference", "adam", "--margin", "0.001").stdout)
    page.build([sweep], tmp_path / "out")
    assert "validation accuracy, practically equal to sgd" in (tmp_path / "out" / "table.md").read_text()
    summary.show(sweep, {"by": None, "reference": None, "margin": None}, Writer(pytest.fail))
    assert Question.read([sweep]) == Question()


def test_a_question_without_an_answer_is_reported_and_the_default_is_shown(make_tuned, capsys):
    sweep = make_tuned({"adam": 0.9})
    summary.show(sweep, {"by": "test/nothing", "reference": None}, Writer(pytest.fail))
    shown = capsys.readouterr()
    assert "cannot compare by test/nothing" in shown.err
    assert "adam (lr=0.01) reaches" in shown.out
    assert (sweep / "report.html").exists()


def test_the_command_reports_errors_without_a_traceback(tmp_path):
    failed = run(tmp_path / "no")
    assert (failed.returncode, failed.stderr) == (1, f"compare: no such folder: {tmp_path / 'no'}\n")


def test_the_command_ends_with_exit_code_2_for_an_unknown_number(make_run, tmp_path):
    make_run("adam")
    refused = run(tmp_path / "sweep", "--by", "nonsense")
    assert refused.returncode == 2
    assert refused.stderr.startswith("compare: ")
    assert "nonsense" in refused.stderr
