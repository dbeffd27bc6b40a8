"""The tables in LaTeX."""

from __future__ import annotations

import re

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.latex import escape_latex, latex_tables


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("batch_size=32", r"batch\_size=32"),
        ("50 % & {x}", r"50 \% \& \{x\}"),
        ("<0.0001", "$<$0.0001"),
        ("1.2e-05", r"$1.2 \times 10^{-5}$"),
        ("lr=1e+10", r"lr=$1 \times 10^{10}$"),
        ("-0.01 [-0.02, -0.001]", "$-$0.01 [$-$0.02, $-$0.001]"),
        ("adam-2 digits-mlp", "adam-2 digits-mlp"),
        ("n ≈ 12 –", r"n $\approx$ 12 --"),
    ],
)
def test_text_is_escaped(text, escaped):
    assert escape_latex(text) == escaped


def test_tables_have_the_rules_of_booktabs_and_a_cell_for_each_column(mixed_sweep):
    text = latex_tables(compare(load([mixed_sweep])))
    for table in re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, re.DOTALL):
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)
        rows = re.findall(r"^(.*) \\\\$", table, re.MULTILINE)
        assert columns is not None
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns[1])}
        assert [table.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{")] == [1, 1, 1, 1]


def test_labels_are_distinct(make_run, tmp_path):
    for problem in ("digits_mlp", "iris_mlp"):
        for optimizer in ("adam", "sgd"):
            make_run(optimizer, problem=problem)
    labels = re.findall(r"\\label\{(.*?)\}", latex_tables(compare(load([tmp_path / "sweep"]))))
    assert len(labels) == len(set(labels)) >= 4


def test_settings_that_were_not_selected_are_left_out(make_run, tmp_path):
    for lr, value in ((0.125, 0.9), (0.25, 0.8)):
        make_run(lr=lr, summary={"best_valid": value})
    text = latex_tables(compare(load([tmp_path / "sweep"])))
    assert "lr=0.125" in text
    assert "lr=0.25" not in text
