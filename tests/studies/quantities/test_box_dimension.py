"""Box dimensions of sets whose dimension is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.studies.quantities.box_dimension import boundary, box_dimension

# The generator of the quadratic Koch curve of type 2: 8 parts of a quarter of the length, in quarter turns.
TURNS = [0, 1, 0, -1, -1, 0, 1, 0]


def koch_island(depth: int) -> np.ndarray:
    """Return the inside of the quadratic Koch island, whose boundary has the dimension log 8 / log 4 = 1.5."""
    headings = [0, 1, 2, 3]
    for _ in range(depth):
        headings = [heading + turn for heading in headings for turn in TURNS]
    moves = np.array([[(1, 0), (0, 1), (-1, 0), (0, -1)][heading % 4] for heading in headings])
    corners = np.cumsum(moves, axis=0) - moves + 2 * 4**depth  # the origin of the square is in the middle of the grid
    crossings = np.zeros((5 * 4**depth, 5 * 4**depth), dtype=int)
    for (x, y), (_, up) in zip(corners, moves, strict=True):
        if up:
            crossings[min(y, y + up), x] += 1
    return crossings.cumsum(axis=1) % 2 == 1


def test_the_boundary_is_where_a_neighbour_below_or_to_the_right_differs():
    mask = [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    assert boundary(mask).astype(int).tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("size", [128, 100])
def test_lines_have_dimension_one(size):
    row, column = np.indices((size, size))
    assert box_dimension(row > size / 3) == pytest.approx(1, abs=0.03)
    assert box_dimension(row > column) == pytest.approx(1, abs=0.03)
    assert box_dimension((row - size / 2) ** 2 + (column - size / 2) ** 2 < (0.4 * size) ** 2) == pytest.approx(1, abs=0.12)


def test_boundaries_that_fill_the_plane_have_dimension_two():
    row, column = np.indices((128, 128))
    assert box_dimension((row + column) % 2) == pytest.approx(2, abs=1e-3)
    noise = np.random.default_rng(0).random((128, 128)) < 0.5
    assert 1.88 < box_dimension(noise) < 1.95  # 3/4 of the points: log(4/3) is missing at s = 1


def test_the_quadratic_koch_island_has_dimension_three_halves():
    island = koch_island(4)
    assert island.sum() == 4 ** (2 * 4)  # the curve encloses the area of the square
    assert box_dimension(island) == pytest.approx(math.log(8) / math.log(4), abs=0.05)


def test_a_grid_without_boundary_has_no_dimension_and_a_small_one_is_refused():
    assert box_dimension(np.ones((32, 32))) is None
    with pytest.raises(ValueError, match="8 x 8 points is too small"):
        box_dimension(np.eye(8))
    with pytest.raises(ValueError, match="two-dimensional"):
        boundary([1, 0])
