"""Windows of tokens in memory or mapped from disk: targets one step later, disjoint splits, no copies."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT, needs_data

from descentlab.budget import Plan
from descentlab.data.characters import UNKNOWN, Characters
from descentlab.data.fetch import registry
from descentlab.data.fetch.sources import DataError, Files
from descentlab.data.loading.loader import TrainLoader
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.windows import EVAL_TOKENS, to_device, windows
from descentlab.data.tokens import Tokens
from descentlab.errors import UsageError

PARTS = ("train", "valid", "test")
BUDGET = {"epochs": 1, "steps": None, "examples": None, "seconds": None}


@pytest.mark.parametrize("stride", [1, 3, 5, 7])
def test_rows_are_a_stride_apart_and_targets_one_token_later(stride):
    ids = torch.arange(100, 148)
    inputs, targets = windows(ids, 5, stride)
    assert len(inputs) == (48 - 1 - 5) // stride + 1
    for row, (x, y) in enumerate(zip(inputs, targets, strict=True)):
        assert x.tolist() == list(range(100 + row * stride, 105 + row * stride))
        assert torch.equal(y, x + 1)


def test_last_window_has_targets():
    assert [len(windows(torch.arange(n), 5, 5)[0]) for n in (6, 10, 11)] == [1, 1, 2]
    with pytest.raises(UsageError, match=r"data\.length=5.*5 tokens"):
        windows(torch.arange(5), 5, 5)


def test_windows_are_views():
    ids = torch.arange(1000)
    assert all(view.untyped_storage().data_ptr() == ids.untyped_storage().data_ptr() for view in windows(ids, 100, 1))


@pytest.mark.parametrize("stride", [1, 4, 9])
def test_windows_share_memory_on_another_device(stride):
    held = torch.arange(60)
    for view in windows(held[5:], 6, stride):
        there = to_device(view, torch.device("meta"))
        assert (there.shape, there.stride()) == (view.shape, view.stride())
        assert there.untyped_storage().nbytes() <= held.untyped_storage().nbytes()
        assert torch.equal(to_device(view, torch.device("cpu")), view)


def test_batches_are_the_rows_of_the_view():
    train = windows(torch.randint(50, (300,)), 8, 3)
    loader = TrainLoader(train, Plan.of(len(train[0]), 16, BUDGET), seed=0)
    (part,) = loader.parts(2)
    rows = loader.indices(2)
    assert torch.equal(part.batch[0], torch.stack([train[0][row] for row in rows]))
    assert torch.equal(part.batch[1], torch.stack([train[1][row] for row in rows]))


def splits_of(ids, length=8, stride=2):
    held = windows(ids, length, length)
    return Splits(windows(ids, length, stride), held, held)


def test_digest_depends_on_every_number_and_the_stride_and_hashes_shared_numbers_once(monkeypatch):
    ids = torch.arange(400)
    digest = splits_of(ids).digest()
    assert splits_of(ids.clone()).digest() == digest
    others = [splits_of(ids, stride=4), splits_of(ids, length=7), splits_of(torch.where(ids == 200, 0, ids))]
    assert digest not in {other.digest() for other in others}

    hashed = []
    real = hashlib.sha256
    monkeypatch.setattr(
        hashlib, "sha256", lambda: SimpleNamespace(update=lambda b: hashed.append(len(b)), hexdigest=real().hexdigest)
    )
    splits_of(ids, length=100, stride=1).digest()
    assert sum(hashed) < 6 * 400 * 8 + 200


def test_digest_does_not_depend_on_the_piece_size(monkeypatch):
    splits = splits_of(torch.arange(400))
    digest = splits.digest()
    monkeypatch.setattr("descentlab.data.loading.splits.DIGEST_NUMBERS", 7)
    assert splits.digest() == digest


def test_digest_of_a_large_corpus_covers_evenly_spaced_pieces_and_the_shape(monkeypatch):
    monkeypatch.setattr("descentlab.data.loading.splits.DIGEST_NUMBERS", 10)
    monkeypatch.setattr("descentlab.data.loading.splits.DIGEST_PIECES", 20)
    ids = torch.arange(400)  # 20 of 40 pieces are hashed, every other one
    digest = splits_of(ids).digest()
    changed = {place: splits_of(torch.where(ids == place, 0, ids)).digest() != digest for place in (25, 35, 385, 395)}
    assert changed == {25: True, 35: False, 385: True, 395: False}
    assert splits_of(torch.arange(402)).digest() != digest


# Characters

TEXT = "".join(chr(0x100 + place) for place in range(2000))  # distinct characters, which identify their positions


@pytest.fixture
def text(tmp_path):
    """Return Characters of a text file."""

    def make(content, length=10, stride=None, **facts):
        (tmp_path / "text.txt").write_text(content, "utf-8")
        return Characters(length, stride, path=str(tmp_path / "text.txt"), **facts)

    return make


def test_splits_are_consecutive_blocks_of_90_5_and_5_percent(text):
    data = text(TEXT)
    train, valid, test = data.tokens()
    assert [len(part) for part in (train, valid, test)] == [1800, 100, 100]
    assert data.decode(train.tolist()) == TEXT[:1800]
    assert valid.tolist() == test.tolist() == [0] * 100  # no character of theirs is in train


def test_no_position_of_the_text_is_in_two_splits(text):
    data = text("".join(chr(0x100 + place % 1750) for place in range(2000)), stride=3)
    places = []
    blocks = np.split(np.arange(2000), [1800, 1900])
    for part, block in zip((data.splits.train, data.splits.valid, data.splits.test), blocks, strict=True):
        stride = part[0].stride(0)
        held = {int(block[row * stride + step]) for row in range(len(part[0])) for step in range(11)}
        assert held <= set(block.tolist())
        places.append(held)
    assert not places[0] & places[1]
    assert not places[1] & places[2]


def test_characters_missing_from_train_share_one_id(text):
    data = text("abc" * 600 + "abd?" * 50)
    assert data.splits.valid[0].max() <= 3
    assert data.vocabulary() == 4
    assert data.decode([1, 2, 3, 0]) == f"abc{UNKNOWN}"
    assert data.decode(data.splits.valid[0][0].tolist()) == f"ab{UNKNOWN}{UNKNOWN}ab{UNKNOWN}{UNKNOWN}ab"


def test_valid_and_test_windows_never_overlap(text):
    data = text("ab" * 1000, stride=2)
    assert [part[0].stride(0) for part in (data.splits.train, data.splits.valid, data.splits.test)] == [2, 10, 10]


def test_wrong_vocabulary_is_refused_and_null_is_inferred(text):
    with pytest.raises(ValueError, match=r"data\.vocabulary is 9 in the config, but Characters has 3"):
        _ = text("ab" * 1000, vocabulary=9).splits
    assert text("ab" * 1000, vocabulary=None).fill({"vocabulary": None, "width": 7}) == {"vocabulary": 3, "width": 7}


def test_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfd" * 100)
    for name in ("bad.txt", "none.txt"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as text"):
            Characters(10, path=str(tmp_path / name)).tokens()


@pytest.mark.slow
@needs_data("shakespeare")
def test_shakespeare_has_no_window_in_two_splits():
    data = Characters(128, 16, source="shakespeare", data_dir=str(ROOT / "data"), vocabulary=65)
    rows = [{row.numpy().tobytes() for row in part[0]} for part in (data.splits.train, data.splits.valid, data.splits.test)]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]


def test_tiny_shakespeare_is_read_as_published(tmp_path, monkeypatch):
    content = b"First Citizen:\nSpeak, speak.\n\n" * 60
    (tmp_path / "input.txt").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    source = Files("a folder", str(tmp_path), suffix="")
    entry = replace(registry.REGISTRY["tiny_shakespeare"], files={"input.txt": digest}, sources=(source,))
    monkeypatch.setitem(registry.REGISTRY, "tiny_shakespeare", entry)
    data = Characters(20, source="tiny_shakespeare", data_dir=str(tmp_path / "data"))
    assert "".join(map(data.decode, (part.tolist() for part in data.tokens()))).encode() == content
    assert data.vocabulary() == len(set(content)) + 1


# Token files


@pytest.fixture
def files(tmp_path):
    """Write ids to train.bin, val.bin and, if given, test.bin."""

    def write(dtype="uint16", **parts):
        for name, ids in parts.items():
            np.asarray(ids, dtype).tofile(tmp_path / f"{name}.bin")
        return str(tmp_path)

    return write


@pytest.mark.parametrize(("dtype", "top"), [("uint16", 65_535), ("uint32", 100_000)])
def test_batches_of_mapped_tokens_equal_those_in_memory(files, dtype, top):
    drawn = np.random.default_rng(0)
    ids = {name: drawn.integers(0, top + 1, 500) for name in ("train", "val", "test")}
    ids["train"][0] = top
    data = Tokens(16, files(dtype, **ids), stride=5, dtype=dtype, vocabulary=top + 1)
    for part, name in zip((data.splits.train, data.splits.valid, data.splits.test), ids, strict=True):
        assert part[0].dtype == getattr(torch, dtype)
        inputs, targets = windows(torch.as_tensor(ids[name]), 16, part[0].stride(0))
        assert torch.equal(part[0].long(), inputs)
        assert torch.equal(part[1].long(), targets)
    mapped, held = (
        TrainLoader(train, Plan.of(len(train[0]), 8, BUDGET), seed=0)
        for train in (data.splits.train, windows(torch.as_tensor(ids["train"]), 16, 5))
    )
    for step in range(5):
        for ours, theirs in zip(mapped.parts(step)[0].batch, held.parts(step)[0].batch, strict=True):
            assert torch.equal(ours.long(), theirs)


def test_mapped_tokens_stay_on_disk_and_batches_move_to_the_device(files):
    data = Tokens(10, files(train=range(1000), val=range(1000)), stride=5, vocabulary=1000)
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, strategy=SimpleNamespace(root_device=torch.device("meta")))
    data.serve(Plan.of(len(data.splits.train[0]), 8, BUDGET), 0, None)
    (part,) = data.train_dataloader().parts(0)
    for batch in (part.batch, next(iter(data.val_dataloader()))):
        assert [(ids.device.type, ids.dtype) for ids in batch] == [("meta", torch.int64)] * 2
    assert data.splits.train[0].device.type == "cpu"


def test_without_a_test_file_the_second_half_of_val_is_test(files):
    data = Tokens(10, files(train=range(1000), val=range(2000, 2200)), vocabulary=2200)
    _, valid, test = data.tokens()
    assert (valid[0], valid[-1], test[0], test[-1]) == (2000, 2099, 2100, 2199)


def test_missing_or_truncated_token_files_are_refused(files, tmp_path):
    with pytest.raises(DataError, match=r"train\.bin does not exist"):
        Tokens(10, str(tmp_path), vocabulary=10).tokens()
    files(train=range(100), val=range(100))
    (tmp_path / "train.bin").write_bytes(b"123")
    with pytest.raises(DataError, match=r"3 bytes.*uint16"):
        Tokens(10, str(tmp_path), vocabulary=10).tokens()
    with pytest.raises(UsageError, match=r"data\.vocabulary="):
        Tokens(10, str(tmp_path)).vocabulary()


def test_batches_of_evaluation_hold_a_bounded_number_of_tokens(files):
    data = Tokens(100, files(train=range(1000), val=range(60_000)), vocabulary=60_000)
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, strategy=SimpleNamespace(root_device=torch.device("cpu")))
    batches = list(data.eval_loader(data.splits.valid))
    assert max(len(inputs) for inputs, _ in batches) * 100 <= EVAL_TOKENS
    for part, whole in enumerate(data.splits.valid):
        assert torch.equal(torch.cat([batch[part] for batch in batches]), whole.long())
