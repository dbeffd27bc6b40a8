"""Order of the training batches in an exported script."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import torch

from descentlab.data.loading.loader import Batch
from descentlab.export.template.settings import AUGMENT, BATCH_SIZE, DATA_SEED, DEVICE, EPOCH_EXAMPLES, FULL_BATCH


def batches(train: Batch) -> Iterator[Batch]:
    """Yield the batch of each step. The order of an epoch depends on DATA_SEED and on the number of the epoch only."""
    rows = len(train[0])
    for epoch in count():
        order = torch.arange(rows) if FULL_BATCH else torch.randperm(rows, generator=generator(DATA_SEED, epoch))
        for start in range(0, EPOCH_EXAMPLES, BATCH_SIZE):
            chosen = order[start : min(start + BATCH_SIZE, EPOCH_EXAMPLES)].to(DEVICE)
            batch = tuple(tensor.index_select(0, chosen) for tensor in train)
            if AUGMENT is not None:
                step = epoch * math.ceil(EPOCH_EXAMPLES / BATCH_SIZE) + start // BATCH_SIZE
                numbers = torch.rand(len(chosen), AUGMENT.draws, generator=generator(DATA_SEED, step, 1))
                batch = (AUGMENT(batch[0], numbers.to(DEVICE)), *batch[1:])
            yield batch


def generator(*seeds: int) -> torch.Generator:
    """Return a new generator seeded by `seeds`."""
    return torch.Generator().manual_seed(seed_of(*seeds))


def seed_of(*seeds: int) -> int:
    """Return the first 63 bits that numpy.random.SeedSequence(seeds) generates (O'Neill, pcg-random.org/posts, 2015)."""
    bits = 0xFFFFFFFF
    words = [seed >> shift & bits for seed in seeds for shift in range(0, max(seed.bit_length(), 1), 32)]
    factor = 0x43B0D7E5

    def hashed(word: int, multiplier: int = 0x931E8875) -> int:
        nonlocal factor
        word, factor = word ^ factor, factor * multiplier & bits
        word = word * factor & bits
        return word ^ word >> 16

    def mixed(word: int, other: int) -> int:
        word = (0xCA01F9DD * word - 0x4973F715 * other) & bits
        return word ^ word >> 16

    pool = [hashed(words[place] if place < len(words) else 0) for place in range(4)]
    for source in range(4):
        for place in range(4):
            if place != source:
                pool[place] = mixed(pool[place], hashed(pool[source]))
    for word in words[4:]:
        pool = [mixed(old, hashed(word)) for old in pool]
    factor = 0x8B51F9DD
    low, high = (hashed(word, 0x58F38DED) for word in pool[:2])
    return (high << 32 | low) >> 1
