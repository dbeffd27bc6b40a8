"""MovieLens 100K (Harper and Konstan, 2015): 100,000 ratings of 1,682 films by 943 users, each of whom rated 20 or more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
import torch
from annotated_types import Interval
from numpy.typing import NDArray
from torch import Tensor

from descentlab.config.types import Count, PositiveFraction, Seed
from descentlab.data.fetch.entries.rankings import MOVIELENS_100K
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.loader import Batch, generator
from descentlab.data.loading.splits import Splits, standardise, tensor, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData

USERS, ITEMS = 943, 1682
HELD_OUT, SEEN = 1, -1  # status of an item in ranking rows; 0: neither


class MovieLens(TensorData):
    """Base class of both uses of the data set.

    Args:
        data_dir: folder of all data sets.
        test_fraction: test split as a fraction of the rows.
        valid_fraction: valid split as a fraction of the rows that are not test.
        split_seed: seed of the cut.
        properties: see DataProperties.
    """

    def __init__(
        self,
        data_dir: str,
        test_fraction: PositiveFraction,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.folder, self.fractions, self.split_seed = Path(data_dir), (test_fraction, valid_fraction), split_seed

    def read(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return user and item, from 0, (rows, 2); and the ratings (rows,) from 1 to 5."""
        path = materialise(MOVIELENS_100K, self.folder)["u.data"]
        table = np.loadtxt(path, np.int64)
        return table[:, :2] - 1, table[:, 2].astype(np.float64)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"num_users": USERS, "num_items": ITEMS}


class Ratings(MovieLens):
    """Inputs (rows, 2): user and item; target (rows, 1): the rating, standardised by mean and deviation of train."""

    def load(self) -> Splits:
        pairs, ratings = self.read()
        parts = three_way(len(pairs), *self.fractions, self.split_seed)
        inputs = [tensor(pairs[rows]) for rows in parts]
        stars = [tensor(ratings[rows, None]) for rows in parts]
        targets = standardise(*stars)
        return Splits(*zip(inputs, targets, strict=True), target_scale=float(stars[0].std(correction=0)))


class Interactions(MovieLens):
    """Implicit feedback: the films that a user rated at least `at_least` are the user's items.

    Train: one tensor (rows, 2 + negatives) of a user, one of the user's items, and items that are not the user's, which are
    drawn again in every step (those in the split itself serve to evaluate the loss of train). Valid and test: users (rows, 1),
    and the status of every item (rows, num_items): 1 held out, -1 seen before and not ranked, 0 neither. Each user's items are
    split; a user without held-out items has no row. Seen are the items of train, and for test those of valid as well.

    Args:
        at_least: the least rating.
        negatives: the number of negative items per positive item.
        cut: keyword arguments of MovieLens.
    """

    def __init__(self, at_least: Annotated[int, Interval(ge=1, le=5)], negatives: Count, **cut: Any) -> None:
        super().__init__(**cut)
        self.at_least, self.negatives = at_least, negatives

    def load(self) -> Splits:
        pairs, ratings = self.read()
        train, valid, test = self._cut(pairs[ratings >= self.at_least])
        self.augment = Negatives(train, self.negatives)
        triples = self.augment(train, torch.rand(len(train), self.negatives, generator=generator(self.split_seed)))
        return Splits((triples,), ranking_rows(valid, train), ranking_rows(test, torch.cat([train, valid])))

    def _cut(self, liked: NDArray[np.int64]) -> list[Tensor]:
        """Return the pairs of train, valid and test; each user's pairs are split at random in the same proportions."""
        parts: list[list[Tensor]] = [[], [], []]
        for user in np.unique(liked[:, 0]):
            own = liked[liked[:, 0] == user]
            for part, rows in zip(parts, three_way(len(own), *self.fractions, self.split_seed + int(user)), strict=True):
                part.append(tensor(own[rows]))
        return [torch.cat(part) for part in parts]


class Negatives:
    """An Augment that appends negative items to each pair of a user and one of the user's items.

    They are uniform over the items that have no pair with that user in `train` (Rendle et al., arXiv:1205.2618, section 4.2).

    Args:
        train: pairs (rows, 2).
        draws: the number of negative items per pair.
    """

    def __init__(self, train: Tensor, draws: int) -> None:
        self.draws = draws
        known = torch.zeros(USERS, ITEMS, dtype=torch.int8)
        known[train[:, 0], train[:, 1]] = 1
        self.others = known.argsort(dim=1, stable=True)  # (users, items): the items that are not the user's come first
        self.count = ITEMS - known.sum(1)

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        """Return (rows, 2 + draws), from inputs (rows, 2 or more) and numbers (rows, draws) in [0, 1)."""
        if self.others.device != inputs.device:
            self.others, self.count = self.others.to(inputs.device), self.count.to(inputs.device)
        users = inputs[:, :1]
        count = self.count[users]
        positions = torch.minimum((numbers * count).long(), count - 1)  # rounding may give count itself
        return torch.cat([inputs[:, :2], self.others[users, positions]], 1)


def ranking_rows(held_out: Tensor, seen: Tensor) -> Batch:
    """Return the users (rows, 1) with held-out items, in ascending order, and the status of every item (rows, items)."""
    items = torch.zeros(USERS, ITEMS, dtype=torch.int8)
    items[seen[:, 0], seen[:, 1]] = SEEN
    items[held_out[:, 0], held_out[:, 1]] = HELD_OUT
    users = held_out[:, 0].unique()
    return users[:, None], items[users]
