"""Batches: each example once per epoch, independent of chunks, microbatches and processes."""

import pytest
import torch

from descentlab.budget import Plan
from descentlab.data.loading import loader as loaders
from descentlab.data.loading.loader import Chunk, EvalLoader, TrainLoader


def loader(rows=100, size: int | str = 32, seed=0, drop_last=False, steps=20, validate_every=None, **share) -> TrainLoader:
    budget = {"epochs": None, "steps": steps, "examples": None, "seconds": None}
    plan = Plan.of(rows, size, budget, validate_every, drop_last)
    numbers = torch.arange(rows)
    return TrainLoader((numbers, numbers * 10), plan, seed, **share)


def batch(made, step) -> list[int]:
    """Return the row numbers of this process's share of a step."""
    return [row for part in made.parts(step) for row in part.batch[0].tolist()]


def served(made) -> list[list[int]]:
    """Return the batches from the position of `made` to its next stop."""
    return [parts[0].batch[0].tolist() for chunk in made for parts in chunk]


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_every_example_occurs_once_per_epoch(epoch):
    made = loader()
    rows = [row for step in range(4 * epoch, 4 * epoch + 4) for row in batch(made, step)]
    assert sorted(rows) == list(range(100))
    assert rows != list(range(100))


def test_inputs_and_targets_stay_together():
    inputs, targets = loader().parts(2)[0].batch
    assert torch.equal(targets, inputs * 10)


def test_last_batch_is_partial_or_dropped():
    assert [len(batch(loader(), step)) for step in range(8)] == [32, 32, 32, 4] * 2
    dropping = loader(drop_last=True)
    assert [len(batch(dropping, step)) for step in range(6)] == [32] * 6
    assert len({row for step in range(3) for row in batch(dropping, step)}) == 96


def test_order_depends_on_seed_and_epoch():
    orders = [[batch(loader(seed=seed), step) for step in range(8)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0][:4] != orders[0][4:]


def test_order_does_not_depend_on_the_global_generator():
    torch.manual_seed(1)
    first = batch(loader(), 0)
    torch.manual_seed(2)
    assert batch(loader(), 0) == first


def test_iteration_ends_at_the_next_validation():
    made = loader(steps=10, validate_every=4)
    assert [len(served(made)) for _ in range(3)] == [4, 4, 2]
    assert made.step == 10


@pytest.mark.parametrize("longest", [1, 3, 40])
def test_batches_do_not_depend_on_chunks(monkeypatch, longest):
    monkeypatch.setattr("descentlab.data.loading.loader.MAX_CHUNK", longest)
    made = loader(steps=30, validate_every=30)
    assert served(made) == [batch(loader(), step) for step in range(30)]


@pytest.mark.parametrize("step_seconds", [0.0001, 0.02, 0.2])
def test_chunks_end_at_log_points_on_a_gpu(step_seconds):
    made = loader(steps=100, validate_every=95)
    made.log_every, ends = 10, []
    for _ in range(2):
        for chunk in made:
            made.step_seconds = step_seconds
            ends.append(chunk.first + len(chunk) - 1)
    assert ends[0] == 0
    assert ends[-2:] == [94, 99]  # the last steps before validations
    assert all(end % 10 == 0 for end in ends[:-2])


def test_chunks_between_distant_log_points_are_bounded_in_time():
    made = loader(steps=2000, validate_every=2000)
    made.log_every, made.step_seconds = 1000, 0.5
    next(chunks := iter(made))
    assert len(next(chunks)) == 10


def test_processes_agree_on_chunks_that_end_at_log_points():
    def sizes(step_seconds: float) -> list[int]:
        made = loader(steps=60, validate_every=60, rank=1, world=2)
        made.log_every, made.step_seconds = 15, step_seconds
        return [len(chunk) for chunk in made]

    assert sizes(0.001) == sizes(1.0) == [16, 15, 15, 14]


def test_order_of_an_epoch_is_moved_to_the_device_once(monkeypatch):
    moved, upload = [], loaders.upload

    def record(tensor, device):
        moved.extend([len(tensor)] if tensor.device != device else [])
        return upload(tensor, device)

    monkeypatch.setattr(loaders, "upload", record)
    made = loader()
    on_device = TrainLoader(tuple(each.to("meta") for each in made.tensors), made.plan, 0)
    shapes = [[part.batch[0].shape for part in on_device.parts(step)] for step in range(8)]
    assert shapes == [[part.batch[0].shape for part in made.parts(step)] for step in range(8)]
    assert moved == [100, 100]


def test_chunk_yields_its_steps():
    made = loader()
    chunk = Chunk(made, 3, 5)  # across the end of an epoch
    assert len(chunk) == 5
    assert [parts[0].batch[0].tolist() for parts in chunk] == [batch(made, step) for step in range(3, 8)]


def test_chunks_of_several_processes_have_equal_sizes():
    shares = [loader(steps=20, validate_every=20, rank=rank, world=2) for rank in range(2)]
    sizes = [[len(chunk) for chunk in share] for share in shares]
    assert sizes[0] == sizes[1]
    assert sum(sizes[0]) == 20


@pytest.mark.parametrize("begin", [1, 4, 7])
def test_loader_starts_at_any_step(begin):
    made = loader(steps=10, validate_every=10)
    made.step = begin
    assert served(made) == [batch(loader(), step) for step in range(begin, 10)]


@pytest.mark.parametrize("microbatch", [1, 5, 32, 1000])
@pytest.mark.parametrize("step", [0, 3])  # 32 and 4 examples
def test_microbatches_partition_the_batch_with_proportional_weights(microbatch, step):
    parts = loader(microbatch=microbatch).parts(step)
    size = sum(len(part.batch[0]) for part in parts)
    assert [row for part in parts for row in part.batch[0].tolist()] == batch(loader(), step)
    assert all(len(part.batch[0]) <= microbatch for part in parts)
    assert [part.weight for part in parts] == pytest.approx([len(part.batch[0]) / size for part in parts])


def test_without_a_microbatch_a_step_is_one_part_of_weight_one():
    assert [part.weight for part in loader().parts(3)] == [1.0]


SHARED = [
    {"rows": 100, "size": 32, "world": 2},
    {"rows": 100, "size": 33, "world": 2},  # uneven in every batch
    {"rows": 101, "size": 32, "world": 3},
    {"rows": 98, "size": 32, "world": 4},  # a last batch of 2 for 4 processes
    {"rows": 97, "size": 32, "world": 2},  # a last batch of 1
    {"rows": 97, "size": 33, "world": 2, "microbatch": 5},
    {"rows": 33, "size": "full", "world": 2},
]


@pytest.mark.parametrize("shared", SHARED, ids=str)
def test_shares_of_all_processes_partition_the_batch(shared):
    shares = [loader(rank=rank, **shared) for rank in range(shared["world"])]
    alone = loader(shared["rows"], shared["size"])
    values = torch.randn(shared["rows"], dtype=torch.float64)
    for step in range(alone.plan.steps_per_epoch):
        parts = [part for share in shares for part in share.parts(step)]
        rows = [row for part in parts if part.weight for row in part.batch[0].tolist()]
        assert sorted(rows) == sorted(batch(alone, step))
        mean = sum(part.weight * values[part.batch[0]].mean() for part in parts) / shared["world"]
        assert float(mean) == pytest.approx(float(values[batch(alone, step)].mean()), abs=1e-12)
        assert all(len(part.batch[0]) for part in parts)  # the mean of nothing is NaN


@pytest.mark.parametrize("shared", [s | {"microbatch": m} for s in SHARED for m in (1, 5, 16)], ids=str)
def test_all_processes_have_equally_many_backward_passes(shared):
    """A backward pass is a collective operation: a process with one more would wait for the others forever."""
    shares = [loader(rank=rank, **shared) for rank in range(shared["world"])]
    for step in range(shares[0].plan.steps_per_epoch):
        assert len({len(share.parts(step)) for share in shares}) == 1


@pytest.mark.parametrize("size", ["full", 100])
def test_full_batch_is_neither_shuffled_nor_copied(size):
    made = loader(size=size)
    [part] = made.parts(3)
    assert part.batch[0].data_ptr() == made.tensors[0].data_ptr()
    assert part.batch[0].tolist() == list(range(100))


def test_full_batch_is_divided_into_microbatches():
    made = loader(size="full", microbatch=30)
    assert [len(part.batch[0]) for part in made.parts(0)] == [30, 30, 30, 10]
    assert batch(made, 0) == list(range(100))


def test_equal_batches_have_equal_digests():
    first, second, other = loader(seed=0), loader(seed=0, microbatch=7), loader(seed=1)
    assert [first.digest(step) for step in (1, 4, 9)] == [second.digest(step) for step in (1, 4, 9)]
    assert first.digest(9) != other.digest(9)
    assert len({loader().digest(step) for step in range(9)}) == 9


def test_digest_and_batches_are_independent():
    made = loader()
    batches = [(batch(made, step), made.digest(step))[0] for step in range(8)]
    assert batches == [batch(loader(), step) for step in range(8)]
    assert made.digest(8) == loader().digest(8)


@pytest.mark.parametrize(("rows", "world"), [(100, 1), (100, 3), (7, 2)])
def test_evaluation_shards_are_disjoint_and_complete(rows, world):
    shards = [EvalLoader((torch.arange(rows), torch.arange(rows) * 10), 8, rank, world) for rank in range(world)]
    batches = [found for shard in shards for found in shard]
    assert sorted(row for inputs, _ in batches for row in inputs.tolist()) == list(range(rows))
    assert all(torch.equal(targets, inputs * 10) for inputs, targets in batches)
    assert [len(shard) for shard in shards] == [len(list(shard)) for shard in shards]
    assert all(len(inputs) <= 8 for inputs, _ in batches)
