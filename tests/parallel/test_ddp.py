"""Several processes of one run on the CPU (gloo; FSDP2): the same global batches and seeds give the same curve."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import compose_config, every_optimizer
from support.commands import TRAIN, run_script
from support.torchrun import train_in_two_processes
from support.wandb_file import offline_runs

from descentlab.launchers.checks.conflicts import conflicts
from descentlab.run import run
from descentlab.store import record as records
from descentlab.store.job import Job
from descentlab.store.record import Record

# Shares of 17 and 16 rows in two microbatches and one, and a last batch of 1 row: the weights of the parts balance them.
# Eigenvectors of matrices without full rank (pixels that are always 0) amplify the last bit of a sum.
ILL_CONDITIONED = {"soap": 0.1, "shampoo": 0.1}
UNEVEN = ["budget.epochs=3", "batch_size=33", "microbatch=16"]


def train(folder: Path, trainer: str, *words: str) -> dict[str, Record]:
    """Return the records of a sweep by optimizer."""
    two = [] if trainer == "cpu" else ["trainer.accelerator=cpu", "trainer.devices=2"]
    given = ("-m", *words, f"trainer={trainer}", *two, f"output_dir={folder}", f"sweep={trainer}")
    answer = run_script(TRAIN, *given, cwd=folder, WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    return {record.choices["optimizer"]: record for record in records.find(folder / trainer)}


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return train(tmp_path_factory.mktemp("single"), "cpu", "optimizer=adam,sgd,rmsprop", *UNEVEN, "logger=none")


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["ddp", "fsdp"])
def test_two_processes_have_the_curve_and_the_files_of_one_process(single, tmp_path, trainer):
    parallel = train(tmp_path, trainer, "optimizer=adam,sgd,rmsprop", *UNEVEN)
    assert set(parallel) == set(single) == {"adam", "sgd", "rmsprop"}
    assert len(list((tmp_path / trainer).glob("*/record.json"))) == 3, "one folder a run"
    assert len(offline_runs(tmp_path / trainer)) == 3, "one W&B run a run"
    for optimizer, record in parallel.items():
        expected, curves = (records.read_curves(each.folder) for each in (single[optimizer], record))
        for column in ("train/loss", "train/grad_norm", "valid/loss"):
            values = expected[column].drop_nulls().to_list()
            assert len(values) > 3
            assert curves[column].drop_nulls().to_list() == pytest.approx(values, rel=1e-4)
        assert expected["batches"].to_list() == curves["batches"].to_list()
        assert record.summary["test"]["accuracy"] == single[optimizer].summary["test"]["accuracy"]


SHORT = ("budget.epochs=null", "budget.steps=6", "validate_every=3")
TUMOURS = ("problem=breast_cancer_logistic", "data._target_=support.lopsided.Tumours")
PROGRESSION = ("problem=diabetes_linear", "data._target_=support.lopsided.Progression")
FEW = {
    "one row, of one class": (*TUMOURS, "+data.most=1"),
    "one class": (*TUMOURS, "+data.valid=1.0", "task=credit", "baseline=majority"),
    "one number": (*PROGRESSION, "+data.most=1", "baseline=normal_equation"),
    "three numbers, two and one": (*PROGRESSION, "+data.most=3"),
    "streamed, two batches and one": (
        *(
            "problem=digits_mlp",
            "data._target_=support.streamed_digits.StreamedDigits",
            "data.limit=3",
            "batch_size=3",
            "+data.eval_batch=1",
        ),
        *("data_seed=1",),
    ),
}
ONE_BREAKS = ("problem=diabetes_linear", "baseline=majority", "~baseline.classifier", "~baseline.regressor")
ONE_BREAKS += ("baseline._target_=support.broken_baseline.Broken", "+baseline.rank=1")


def numbers(metrics):
    return {name: value for name, value in metrics.items() if value is not None}


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["ddp", "fsdp"])
def test_a_process_without_examples_of_a_split_changes_no_result(job, trainer):
    """Fewer validation rows than processes, an undefined metric, a baseline that fails in the second process only."""
    two = (f"trainer={trainer}", "trainer.accelerator=cpu", "trainer.devices=2")
    jobs = {name: (job(*words, *SHORT), job(*words, *SHORT, *two)) for name, words in FEW.items()}
    broken = job(*ONE_BREAKS, *SHORT, *two)
    train_in_two_processes([*(parallel for _, parallel in jobs.values()), broken])
    for name, (alone, parallel) in jobs.items():
        run(alone).write(alone.folder)
        expected, found = (Record.read(each.folder).summary for each in (alone, parallel))
        assert expected.get("undefined") == found.get("undefined"), name
        for metrics in ("valid", "test"):
            assert numbers(found[metrics]) == pytest.approx(numbers(expected[metrics]), rel=1e-4, abs=1e-6), name
        reference, same = (summary.get("baseline", {}).get("test", {}) for summary in (expected, found))
        assert numbers(same) == pytest.approx(numbers(reference), rel=1e-4, abs=1e-6), name
    summary = Record.read(broken.folder).summary
    assert summary["baseline"] == {"name": "majority", "error": "ValueError: it does not fit"}
    assert summary["test"]["rmse"] > 0


# 64 bits, since a line search amplifies rounding errors; FSDP2 has 32.
PRECISION = {"ddp": ("64-true", 1e-6), "fsdp": ("32-true", 2e-4)}
REFUSED = {"adahessian", "sophia"}
SHARDS = {"adam_mini", "galore", "muon", "psgd_kron", "scratch/muon", "shampoo", "soap"}  # or without sharded operators
SHARDS |= {"adafactor", "adopt", "alig", "asam", "came", "dadapt_adam", "dadapt_sgd", "lamb", "lars", "lbfgs", "mars"}
SHARDS |= {"prodigy", "ranger21", "rprop", "sam", "stable_adamw"}


def refused(name: str, trainer: str) -> bool:
    """Return True if two processes are refused before anything trains."""
    config, _, mistakes = compose_config(f"optimizer={name}", f"trainer={trainer}", "trainer.accelerator=cpu")
    assert not mistakes
    return bool(conflicts(config))


@pytest.mark.slow
@pytest.mark.parametrize("trainer", PRECISION)
def test_every_optimizer_takes_the_same_steps_in_two_processes_as_in_one(job, trainer):
    """Optimizers that support one process only are refused. The same two processes train all others."""
    precision, near = PRECISION[trainer]
    words = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "validate_every=6", "log_every=1", "data.limit=300")
    words += (f"trainer.precision={precision}",)
    names = [name for name in every_optimizer() if not refused(name, trainer)]
    assert set(every_optimizer()) - set(names) == REFUSED | (SHARDS if trainer == "fsdp" else set())
    two = (f"trainer={trainer}", "trainer.accelerator=cpu", "trainer.devices=2", f"trainer.precision={precision}")
    jobs: dict[str, tuple[Job, Job]] = {}
    for name in names:
        chosen = (*words, f"optimizer={name}", f"batch_size={'full' if name == 'lbfgs' else 33}")
        jobs[name] = job(*chosen), job(*chosen, *two)
    train_in_two_processes([parallel for _, parallel in jobs.values()])
    other: list[tuple[str, str]] = []
    for name, (alone, parallel) in jobs.items():
        run(alone)
        expected, found = records.read_curves(alone.folder), records.read_curves(parallel.folder)
        for column in ("train/loss", "train/grad_norm", "train/update_norm", "valid/loss"):
            values = expected[column].drop_nulls().to_list()
            assert len(values) >= 3
            if found[column].drop_nulls().to_list() != pytest.approx(values, rel=ILL_CONDITIONED.get(name, near), abs=1e-9):
                other.append((name, column))
    assert not other


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["ddp", "fsdp"])
def test_two_processes_resume_from_their_checkpoint(job, trainer):
    """Curves are bit-identical: with sharded weights, optimizers with and without state, and composed optimizers."""
    two = (f"trainer={trainer}", "trainer.accelerator=cpu", "trainer.devices=2", "model.dropout=0.2")
    words = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "validate_every=5", "log_every=1", *two)
    names = ["adam", "sgd", "schedulefree_adamw", "scratch/gradient_descent", *(["muon", "sam"] if trainer == "ddp" else [])]
    whole, parts = ([job(*words, f"optimizer={name}", f"sweep={sweep}") for name in names] for sweep in ("whole", "parts"))
    train_in_two_processes(whole)
    train_in_two_processes(parts, INTERRUPT="1")
    for one, other in zip(whole, parts, strict=True):
        expected, found = (records.read_curves(each.folder).drop("train_seconds") for each in (one, other))
        assert expected.height >= 12
        assert found.equals(expected), one.name
