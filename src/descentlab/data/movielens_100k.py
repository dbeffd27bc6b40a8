"""MovieLens 100K (Harper and Konstan, 2015): 100,000 ratings of 1,682 films by 943 people, each of whom rated 20 or more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.fetch.entries.rankings import MOVIELENS_100K
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.loader import Batch, generator
from descentlab.data.loading.splits import Splits, standardise, tensor, three_way
from descentlab.data.loading.tensors import Facts, TensorData

USERS, ITEMS = 943, 1682
HELD_OUT, SEEN = 1, -1  # in the rows that rankings are judged by; 0: neither


class MovieLens(TensorData):
    """What both uses of the set share.

    Args:
        test_fraction: of the rows that are cut.
        valid_fraction: of those that are not test.
        split_seed: of the cut.
    """

    def __init__(
        self, data_dir: str, test_fraction: float, valid_fraction: float, split_seed: int = 0, **facts: Unpack[Facts]
    ) -> None:
        super().__init__(**facts)
        self.folder, self.fractions, self.split_seed = Path(data_dir), (test_fraction, valid_fraction), split_seed

    def read(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(rows, 2) of user and item, from 0; ratings (rows,) of 1 to 5."""
        path = materialise(MOVIELENS_100K, self.folder)["u.data"]
        table = np.loadtxt(path, np.int64)
        return table[:, :2] - 1, table[:, 2].astype(np.float64)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"num_users": USERS, "num_items": ITEMS}


class Ratings(MovieLens):
    """Inputs (rows, 2): user and item; target (rows, 1): the rating, standardised by train's mean and deviation."""

    def load(self) -> Splits:
        pairs, ratings = self.read()
        parts = three_way(len(pairs), *self.fractions, self.split_seed)
        inputs = [tensor(pairs[rows]) for rows in parts]
        stars = [tensor(ratings[rows, None]) for rows in parts]
        targets = standardise(*stars)
        return Splits(*zip(inputs, targets, strict=True), target_scale=float(stars[0].std(correction=0)))


class Interactions(MovieLens):
    """Films that somebody rated at least `at_least`, as if only that were known.

    Train: one tensor (rows, 2 + negatives) of a user, an item of theirs, and items that are not, which every step draws anew
    (those in the split itself are for the loss of the whole of it). Valid and test: users (rows, 1), and what every item is to
    them (rows, num_items): 1 held out, -1 seen before, which is not ranked, 0 neither. Each user's items are cut; where
    nothing of a user is held out there is no row. Seen are the items of train, and in test those of valid, too.

    Args:
        at_least: the rating.
        negatives: for each positive.
        cut: see MovieLens.
    """

    def __init__(self, at_least: int, negatives: int, **cut: Any) -> None:
        super().__init__(**cut)
        self.at_least, self.negatives = at_least, negatives

    def load(self) -> Splits:
        pairs, ratings = self.read()
        train, valid, test = self._cut(pairs[ratings >= self.at_least])
        self.augment = Negatives(train, self.negatives)
        triples = self.augment(train, torch.rand(len(train), self.negatives, generator=generator(self.split_seed)))
        return Splits((triples,), judged(valid, train), judged(test, torch.cat([train, valid])))

    def _cut(self, liked: NDArray[np.int64]) -> list[Tensor]:
        """The pairs of train, valid and test: of each user, shuffled, the same shares."""
        parts: list[list[Tensor]] = [[], [], []]
        for user in np.unique(liked[:, 0]):
            own = liked[liked[:, 0] == user]
            for part, rows in zip(parts, three_way(len(own), *self.fractions, self.split_seed + int(user)), strict=True):
                part.append(tensor(own[rows]))
        return [torch.cat(part) for part in parts]


class Negatives:
    """Puts items that are not a user's behind each pair of a user and an item of theirs; an Augment.

    They are uniform over the items that are in no row of `train` with that user (Rendle et al., arXiv:1205.2618, section 4.2).

    Args:
        train: pairs (rows, 2).
        draws: for each pair.
    """

    def __init__(self, train: Tensor, draws: int) -> None:
        self.draws = draws
        known = torch.zeros(USERS, ITEMS, dtype=torch.int8)
        known[train[:, 0], train[:, 1]] = 1
        self.others = known.argsort(dim=1, stable=True)  # (users, items): first those that are not the user's
        self.count = ITEMS - known.sum(1)

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        """(rows, 2 or more) and numbers (rows, draws) in [0, 1) -> (rows, 2 + draws)."""
        if self.others.device != inputs.device:
            self.others, self.count = self.others.to(inputs.device), self.count.to(inputs.device)
        users = inputs[:, :1]
        count = self.count[users]
        places = torch.minimum((numbers * count).long(), count - 1)  # a product may be rounded up to count
        return torch.cat([inputs[:, :2], self.others[users, places]], 1)


def judged(held_out: Tensor, seen: Tensor) -> Batch:
    """Users (rows, 1) of whom something is held out, in order, and what every item is to them, (rows, items)."""
    items = torch.zeros(USERS, ITEMS, dtype=torch.int8)
    items[seen[:, 0], seen[:, 1]] = SEEN
    items[held_out[:, 0], held_out[:, 1]] = HELD_OUT
    users = held_out[:, 0].unique()
    return users[:, None], items[users]
