"""The same seed gives the same numbers, and each seed changes only the numbers that it draws."""

import pytest

RUN = ("problem=digits_mlp", "budget.epochs=2", "log_every=5", "validate_every=20")


def curves(run):
    """Return all measured columns except the time."""
    return run.curves.drop("train_seconds")


def timeless(run):
    return {key: value for key, value in run.record.summary.items() if "seconds" not in key and key != "diagnostics"}


@pytest.mark.parametrize(
    "given",
    [
        ("optimizer=adam",),
        ("optimizer=momentum", "model.dropout=0.3", "model.norm=batch"),
        ("optimizer=sgd", "batch_size=full", "microbatch=300", "budget.epochs=25"),
        ("problem=quadratic_deep", "optimizer=sgd"),
    ],
    ids=" ".join,
)
def test_runs_with_equal_seeds_are_bit_identical(train, given):
    first, second = (train(*RUN, *given, f"sweep={sweep}") for sweep in ("first", "second"))
    assert first.folder != second.folder
    assert curves(first).equals(curves(second))
    assert timeless(first) == timeless(second)
    assert first.record.data == second.record.data
    assert first.record.id == second.record.id


def test_earlier_runs_in_the_process_do_not_change_a_run(train):
    first = train(*RUN, "sweep=first")
    train(*RUN, "seed=7", "model.dropout=0.5", "data.limit=100")
    assert curves(train(*RUN, "sweep=second")).equals(curves(first))


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adagrad"])
def test_optimizers_start_from_the_same_weights_and_receive_the_same_batches(train, optimizer):
    adam, other = train(*RUN, "optimizer=adam"), train(*RUN, f"optimizer={optimizer}")
    for metric in ("valid/loss", "train/loss"):
        assert adam.column(metric)[0] == other.column(metric)[0]
        assert adam.column(metric)[-1] != other.column(metric)[-1]
    assert adam.column("batches") == other.column("batches")
    assert len(set(adam.column("batches"))) == 4  # steps 20, 40, 60 and 78


def test_the_data_seed_determines_the_batches_and_not_the_weights(train):
    first, second = train(*RUN), train(*RUN, "data_seed=1")
    assert first.column("valid/loss")[0] == second.column("valid/loss")[0]  # before any batch
    assert first.column("train/loss")[0] != second.column("train/loss")[0]
    assert not set(first.column("batches")) & set(second.column("batches"))


def test_the_seed_determines_only_the_weights_if_a_data_seed_is_given(train):
    first, second = train(*RUN, "data_seed=0"), train(*RUN, "data_seed=0", "seed=1")
    assert first.column("valid/loss")[0] != second.column("valid/loss")[0]
    assert first.column("batches") == second.column("batches")


def test_the_seed_determines_weights_and_batches_if_no_data_seed_is_given(train):
    first, second = train(*RUN), train(*RUN, "seed=1")
    assert first.column("valid/loss")[0] != second.column("valid/loss")[0]
    assert first.column("batches") != second.column("batches")


def test_the_split_is_the_same_for_every_seed(train):
    first, second = train(*RUN, "budget.epochs=1"), train(*RUN, "budget.epochs=1", "seed=1")
    assert first.record.data["digest"] == second.record.data["digest"]


@pytest.mark.parametrize("how", ["log_every=1", "validate_every=7"])
def test_logging_and_validation_intervals_do_not_change_a_run(train, how):
    given = ("problem=digits_mlp", "model.dropout=0.2", "budget.epochs=2", "validate_every=39", "log_every=13")
    usual, watched = train(*given, "sweep=usual"), train(*given, how, "sweep=watched")
    last = [run.curves.drop_nulls("valid/loss").filter(step=78)["valid/loss"].to_list() for run in (usual, watched)]
    assert last[0] == last[1] != []
