"""Small inputs that once gave wrong numbers, were ignored or failed late: each command and its required effect.

The tables are variations of one: 300 rows, y = 3 x1 - 2 x2 + noise of 0.1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.commands import run_here

from descentlab.store import record as records

R = ("task=regression", "model=linear", "budget.epochs=30", "optimizer=adam", "optimizer.lr=0.05")
B = ("data.kind=binary", "data.positive=yes", "model=linear", "budget.epochs=3")
ROWS = 300

pytestmark = pytest.mark.slow


def write(path: Path, header: str, *columns) -> None:
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Write the tables, and make their folder the current one."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    x1, x2 = draw.normal(size=(2, ROWS)).round(4)
    y = (3 * x1 - 2 * x2 + 0.1 * draw.normal(size=ROWS)).round(4)
    seconds = draw.uniform(0, 60, ROWS).round(3)
    few = ["yes" if row < 4 else "no" for row in range(ROWS)]
    write(Path("plain.csv"), "x1,x2,y", x1, x2, y)
    write(Path("const.csv"), "x1,x2,exported_at,y", x1, x2, [1700000123] * ROWS, y)
    write(Path("offset.csv"), "x1,y", x1, [f"{1e9 + 10 * value:.3f}" for value in x1])
    write(Path("time.csv"), "t,y", [f"{1.7e9 + value:.3f}" for value in seconds], 2 * seconds)
    write(Path("typo.csv"), "x1,x2,y", ["unknown" if place == 7 else value for place, value in enumerate(x1)], x2, y)
    write(Path("thousands.csv"), "x1,x2,y", [f'"{1000 + abs(int(1000 * value)):,}"' for value in x1], x2, y)
    Path("comma.csv").write_text(
        "x1;x2;y\n" + "".join(f"{a};{b};{c}\n".replace(".", ",") for a, b, c in zip(x1, x2, y, strict=True))
    )
    write(Path("few.csv"), "x1,x2,y", x1, x2, few)
    write(Path("ids.csv"), "id,x1,y", [f"user-{place}" for place in range(ROWS)], x1, y)
    write(Path("dates.csv"), "day,x1,y", [f"20{place // 28 + 10}-01-{place % 28 + 1:02}" for place in range(ROWS)], x1, y)
    write(Path("na.csv"), "grade,x1,y", ["NA" if n % 5 == 0 else "NAN"[n % 3] for n in range(ROWS)], x1, y)
    write(Path("sentinel.csv"), "x1,y", [-999 if n % 5 == 0 else value for n, value in enumerate(x1)], y)
    write(Path("who.csv"), "who,x1,x2,y", [f"p{n % 20}" if n % 2 else "" for n in range(ROWS)], x1, x2, y)
    write(Path("inf.csv"), "x1,x2,y", ["inf" if n == 125 else value for n, value in enumerate(x1)], x2, y)
    write(Path("row.csv"), "_row,x2,y", x1, x2, y)
    write(Path("years.csv"), "2019,2020,2021", x1, x2, y)
    write(Path("one.csv"), "y", y)
    write(Path("tiny.csv"), "x1,x2,y", x1[:8], x2[:8], y[:8])
    write(Path("rare.csv"), "x1,x2,y", x1[:60], x2[:60], ["p" if n % 3 else "q" if n else "z_rare" for n in range(60)])


@pytest.fixture
def command(tables, monkeypatch, capsys):
    """Run a command in the folder of the tables. Return its exit code, its output, and the records in outputs/."""

    def run(*words: str, **environment: str):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        logger = [] if any("logger" in word for word in words) else ["logger=none"]
        code, output = run_here([*words, *logger, "trainer=cpu"], monkeypatch, capsys)
        found = [record for sweep in sorted(Path("outputs").glob("*")) for record in records.find(sweep)]
        assert "Traceback" not in output
        return code, output, found

    return run


def table(name: str, *words: str) -> list[str]:
    target = [] if any("data.target" in word for word in words) else ["data.target=y"]
    return ["data=csv", f"data.path={name}.csv", *target, *words]


def rmse(found) -> list[float]:
    return [record.summary["test"]["rmse"] for record in found]


def test_a_plain_table_is_fitted_to_its_noise(command):
    code, output, found = command(*table("plain", *R))
    assert code == 0
    assert rmse(found)[0] < 0.13
    assert "number   x1, x2" in output


def test_a_constant_column_has_no_effect(command):
    words = ["task=regression", "model=mlp", "budget.epochs=30", "optimizer=adam,sgd", "-m"]
    code, output, found = command(*table("const", *words))
    assert code == 0
    assert all(value < 0.6 for value in rmse(found))
    assert "Constant in train, and therefore 0 everywhere: exported_at." in output


def test_offsets_keep_their_precision(command):
    code, _, found = command(*table("offset", *R), "baseline=normal_equation", "sweep=a")
    assert code == 0
    assert 0 < rmse(found)[0] < 0.1
    assert found[0].summary["baseline"]["test"]["rmse"] < 0.1
    code, _, found = command(*table("time", *R), "sweep=b")
    assert code == 0
    assert rmse(found)[-1] < 1


@pytest.mark.parametrize("name", ["thousands", "comma", "dates"])
def test_numbers_in_other_notations_are_numbers(command, name):
    code, output, found = command(*table(name, *R))
    assert code == 0
    assert found[0].config["data"]["path"] == f"{name}.csv"
    assert len(found[0].data["columns"]) == 3
    assert "category" not in output


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (table("typo", *R), ["x1: 1 of 300 cells", "unknown (row 8)", "data.missing=[unknown]", "data.categorical=[x1]"]),
        (table("ids", *R), ["id has 300 distinct strings", "data.drop=[id]", "data.max_categories"]),
        (table("plain", *R, "data.logarithm=[x1]"), ["x1", "the minimum"]),
        (table("inf", *R), ["x1 is inf in row 126", "data.missing=[inf]"]),
        (table("one", *R), ["no column to predict y from"]),
        (
            table("plain", "data.kind=classes", "task=classification", "model=linear"),
            ["looks like a number", "data.kind=regression"],
        ),
        (table("plain", *R, "data.target=2021"), ["data.target=2021: unknown column"]),
        (table("plain", *R, "data.missing={a: 1}"), ["data.missing"]),
        (["data=csv", "data.path=[a.csv,b.csv]", "data.target=y", *R], ["data.path"]),
        (["data=csv", "data.path=nowhere.csv", "data.target=y", *R], ["no such file"]),
        (["data=csv", "data.path=plain.csv", *R], ["data.target has no value yet"]),
    ],
    ids=lambda value: " ".join(value[1:3]) if isinstance(value, list) else "",
)
def test_an_invalid_command_is_refused_before_training(command, words, parts):
    code, output, found = command(*words)
    assert code == 2
    assert not found
    assert not Path("outputs").exists() or not any(Path("outputs").iterdir())
    for part in parts:
        assert part in output


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (table("na", *R, "data.missing=NA"), "category grade: 3 categories"),
        (table("sentinel", *R, "data.missing=-999"), "for 60 missing values"),
        (table("sentinel", *R, "data.missing=['-999']"), "for 60 missing values"),
        (table("sentinel", *R, "data.missing=[-999]"), "for 60 missing values"),
        (table("who", *R, "data.group=who"), "150 rows without who"),
        (table("row", *R), "number   _row, x2"),
        (table("years", *R, "data.target=2021"), "target   2021"),
        (table("years", *R, "data.target=2021", "data.drop=[2019]"), "dropped  2019"),
        (table("plain", *R, "data.drop=x1"), "dropped  x1"),
    ],
    ids=lambda value: " ".join(value[1:2]) if isinstance(value, list) else "",
)
def test_the_reading_of_the_columns_is_printed(command, words, part):
    code, output, _ = command(*words, "--dry-run")
    assert code == 0, output
    assert part in output


@pytest.mark.parametrize("task", ["credit", "diagnosis", "fraud"])
def test_each_split_has_both_classes(command, task):
    code, _, (record,) = command(*table("few", *B, f"task={task}"))
    assert code == 0
    assert "undefined" not in record.summary or not record.summary["undefined"]
    assert all(value is not None for value in record.summary["test"].values())


def test_an_undefined_metric_is_null(command):
    code, output, (record,) = command(*table("tiny", *R), "batch_size=2")
    assert code == 0
    assert record.summary["valid"]["r2"] is None
    assert "valid/r2" in record.summary["undefined"]
    assert "r2" in output


def test_a_failing_baseline_does_not_affect_the_run(command):
    words = ["data.kind=classes", "task=classification", "model=linear", "budget.epochs=3", "baseline=logistic_regression"]
    code, _, (record,) = command(*table("rare", *words))
    assert code == 0
    assert record.status == "completed"
    assert record.summary["test"]["accuracy"] is not None


def test_two_files_are_two_problems(command):
    code, output, found = command("-m", "data=csv", "data.path=plain.csv,const.csv", "data.target=y", *R)
    assert code == 0
    assert {record.choices["problem"] for record in found} == {"plain.csv", "const.csv"}
    assert {"plain.csv", "const.csv"} <= set(output.split())


def test_names_longer_than_wandb_allows_work(command):
    long = "n" * 60
    Path("mine/optimizer").mkdir(parents=True)
    Path(f"mine/optimizer/{long}.yaml").write_text("_target_: torch.optim.SGD\n_partial_: true\nlr: 0.1\n")
    words = [f"optimizer={long}", "--config-dir", "mine", "logger=wandb", "budget.epochs=1"]
    code, _, (record,) = command(*words, WANDB_MODE="offline")
    assert code == 0
    assert "wandb" not in record.summary
    assert list(Path("outputs").glob("*/wandb/offline-run-*"))
    code, output, _ = command("logger=wandb", WANDB_MODE="bogus")
    assert code == 2
    assert "WANDB_MODE=bogus: it is one of online, offline, disabled" in output
