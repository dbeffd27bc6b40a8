"""Light probes of fused groups: each member has the layers of a single run."""

from __future__ import annotations

import polars as pl
import pytest
from support.planted_network import PLANTED

from descentlab import run_group
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.run import run
from descentlab.store.interruption import Interruption
from descentlab.store.record import FUSE, LAYERS_PARQUET, Record, Status, read_layers
from descentlab.training.fused.group import Group

SHORT = ("budget.epochs=null", "budget.steps=30", "validate_every=15", "log_every=7", "data.limit=200")
DIGITS = ("model.hidden=[8,8]", *SHORT)
EVERY = ("diagnostics.every=7",)
GPT = ("problem=shakespeare_gpt", "model.width=8", "model.layers=1", "model.heads=2", "batch_size=4", "budget.steps=8")


@pytest.fixture
def group(job, monkeypatch):
    """Train the runs with these words as one group, and return the jobs."""

    def do(*rows: str, common: tuple[str, ...], interruption: Interruption | None = None):
        monkeypatch.setenv(FUSE, "always")
        jobs = [job(*common, *row.split(), "sweep=group") for row in rows]
        run_group.main([each.folder for each in jobs], interruption or Interruption())
        return jobs

    return do


def assert_same_layers(found: pl.DataFrame, expected: pl.DataFrame, rel: float) -> None:
    """Assert that two tables of layers have the same rows and columns, and values that differ by at most `rel`."""
    assert set(found.columns) == set(expected.columns)
    keys = ["step", "layer"]
    found, expected = found.sort(keys), expected.select(found.columns).sort(keys)
    assert found.select(keys).equals(expected.select(keys))
    for name in found.columns[2:]:
        assert found[name].is_null().equals(expected[name].is_null()), name
        ours, theirs = found[name].drop_nulls().to_list(), expected[name].drop_nulls().to_list()
        assert ours == pytest.approx(theirs, rel=rel, abs=rel * max(map(abs, theirs))), name


CASES = {
    "relu": (*DIGITS, *EVERY),
    "sigmoid, data seeds": (*DIGITS, *EVERY, "model.activation=sigmoid", "batch_size=150"),
    "batch norm": (*DIGITS, *EVERY, "model.norm=batch", "data.drop_last=true", "clip.norm=0.1", "optimizer=sgd"),
    "convolutions": (*SHORT, *EVERY, "model=cnn_2c2d", "budget.steps=8"),
    "attention": (*SHORT, *EVERY, *GPT),
}


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of stacked attention in validations
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_members_have_the_layers_of_single_runs(group, job, case, precision):
    common = (*CASES[case], f"trainer.precision={precision}")
    rows = ("seed=0 optimizer.lr=0.002", "seed=1 optimizer.lr=0.0005", "seed=2 data_seed=1")
    common = (*common, "budget.steps=8") if precision == "32-true" else common  # rounding errors grow with the steps
    jobs = group(*rows, common=common)
    rel = 1e-8 if precision == "64-true" else 1e-4
    for row, member in zip(rows, jobs, strict=True):
        single = job(*common, *row.split(), "sweep=single")
        expected, found = run(single), Record.read(member.folder)
        assert found.status is Status.COMPLETED, found.reason
        assert_same_layers(read_layers(member.folder), read_layers(single.folder), rel)
        about = found.summary["diagnostics"]
        assert about["every"] == expected.summary["diagnostics"]["every"]
        assert about["seconds"].keys() == expected.summary["diagnostics"]["seconds"].keys()
        assert min(about["seconds"][name] for name in ("copies", "replay", "layer_norms", "gradient_snr")) > 0
        assert about["overhead"] > 0


def test_the_intervals_of_a_group_are_common_and_kept_by_its_checkpoints(group, monkeypatch):
    interruption, take = Interruption(), Group._take

    def take_and_ask(self, first, count):
        take(self, first, count)
        interruption.asked = "SIGTERM" if first + count >= 15 else ""

    monkeypatch.setattr(Group, "_take", take_and_ask)
    common = (*DIGITS, "log_every=5")
    jobs = group("seed=0", "seed=1", "seed=2", common=common, interruption=interruption)
    assert {Record.read(each.folder).status for each in jobs} == {Status.INTERRUPTED}
    monkeypatch.setattr(Group, "_take", take)
    resumed: list[dict[str, int | None]] = []
    load = Probes.load_state_dict

    def load_and_note(self, state):
        load(self, state)
        resumed.append(state["every"])

    monkeypatch.setattr(Probes, "load_state_dict", load_and_note)
    assert run_group.main([each.folder for each in jobs], Interruption()) == 0
    assert None not in resumed[0].values()
    for each in jobs:
        assert Record.read(each.folder).summary["diagnostics"]["every"] == resumed[0]
        assert read_layers(each.folder)["step"].unique().to_list()[:2] == [0, 5]


def test_without_probes_there_are_no_layers(group):
    (first, _) = group("seed=0", "seed=1", common=(*DIGITS, "diagnostics=none"))
    assert not (first.folder / LAYERS_PARQUET).exists()


@pytest.mark.parametrize("at", [0, 14, 23])
def test_a_planted_nan_is_found_in_each_member(group, at):
    jobs = group("seed=0", "seed=1 data_seed=3", common=(*SHORT, *PLANTED, f"+model.at={at}"))
    for each in jobs:
        assert Record.read(each.folder).summary["nonfinite"] == {"step": at, "layer": "plant", "tensor": "output"}


@pytest.mark.parametrize("at", [0, 14, 39])
def test_an_infinite_gradient_is_found_also_before_a_validation_and_at_the_end_of_a_chunk(group, at):
    more = ("optimizer=sgd", "+model.root=true", f"+model.at={at}", "budget.steps=50", "validate_every=15")
    common = (*SHORT, *PLANTED, *more[:-1], *(["validate_every=50"] if at == 39 else more[-1:]))
    for each in group("seed=0", "seed=1", common=common):
        summary = Record.read(each.folder).summary
        assert summary["diverged_step"] == at + 1
        assert summary["nonfinite"] == {"step": at, "layer": "plant", "tensor": "gradient of x"}
