"""Runs of a table have the results of single runs."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from conftest import ROOT

from descentlab.config.command_line import Command, config_loader
from descentlab.config.table import plan_table
from descentlab.errors import UsageError
from descentlab.run import run
from descentlab.store.table import RunTable
from descentlab.training.table.parts import Parts

SMALL = ("model.hidden=[8]", "data.limit=100", "budget.epochs=null", "budget.steps=30", "validate_every=10")
EXACT = ("trainer.precision=64-true", "engine=lightning", "diagnostics=none")


@pytest.fixture
def table(tmp_path: Path):
    """Make the table of a command, and train it: the rows of its runs, in order, and its axes."""

    def train(*words: str) -> tuple[list[dict[str, object]], RunTable]:
        with config_loader(ROOT / "conf") as loader:
            plan = plan_table(Command(loader, ["records=table", f"data_dir={ROOT}/data", *words], multirun=True))
        made = RunTable(tmp_path, plan.axes, plan.orders)
        parts = Parts(plan.config, made)
        rows: list[dict[str, object]] = []
        for part in range(len(made.parts)):
            columns = parts.train(part)
            rows += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return rows, made

    return train


def compare(rows, table, job, common, rel=1e-9):
    """Assert that each row has the results of a single run."""
    combinations = list(itertools.product(*[axis.values for axis in table.axes]))
    assert len(rows) == len(combinations)
    for row, values in zip(rows, combinations, strict=True):
        words = [f"{axis.key}={value}" for axis, value in zip(table.axes, values, strict=True)]
        found = run(job(*common, *words, "sweep=single"))
        summary = found.summary
        assert row["status"] == str(found.status)
        for name in ("steps", "diverged_step", "best_step"):
            assert row[name] == summary[name], (words, name)
        for name in ("first_train_loss", "last_train_loss", "best_valid"):
            assert row[name] == pytest.approx(summary[name], rel=rel), (words, name)
        for split in ("valid", "test"):
            for name in ("loss", "accuracy"):
                value = row[f"{split}.{name}"]
                assert value == (pytest.approx(summary[split][name], rel=rel) if name in summary[split] else None), (
                    words,
                    name,
                )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=sgd", "optimizer.lr=0.1,3.0,100000.0", "lr_decay=0.3,1.0"),
        ("optimizer=sgd", "groups=[{match: head, lr: 1.0}, {}]", "groups.0.lr=1.0,0.5", "optimizer.lr=0.1,0.2"),
        ("optimizer=adam", "optimizer.lr=0.001,0.1", "optimizer.betas=[0.9,0.99],[0.5,0.9]", "schedule=cosine"),
        ("optimizer=momentum", "seed=3,4", "optimizer.lr=0.02,0.5", "average.kind=ema", "average.decay=0.9"),
        ("optimizer=sgd", "batch_size=full", "seed=0,1", "clip.norm=0.1,1.0", "decay.rate=0.01,0.1"),
    ],
    ids=["rates-of-layers", "rates-of-groups", "betas-and-schedule", "seeds-and-average", "full-batch"],
)
def test_runs_of_a_table_have_the_results_of_single_runs(table, job, words):
    common = [word for word in (*SMALL, *EXACT, *words) if "," not in word or word.startswith("groups=")]

    compare(*table(*SMALL, *EXACT, *words), job, common)


def test_diverged_runs_are_marked_and_not_tested(table):
    rows, _ = table(*SMALL, "optimizer=sgd", "optimizer.lr=0.1,1e8")

    assert [row["status"] for row in rows] == ["completed", "diverged"]
    assert rows[1]["diverged_step"] is not None
    assert rows[1]["test.loss"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("optimizer=sgd", "optimizer.momentum=0.0,0.9"), "computes its steps in another way"),
        (("optimizer=lbfgs", "optimizer.lr=0.1,1.0"), "needs more than one gradient in a step"),
        (("schedule=reduce_on_plateau", "optimizer.lr=0.1,1.0"), "depends on the validations of each run"),
    ],
)
def test_runs_that_cannot_be_stacked_are_refused(table, words, message):
    with pytest.raises(UsageError, match=message):
        table(*SMALL, *words)
