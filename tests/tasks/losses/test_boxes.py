"""Assignment of boxes to locations, and decoding: comparison with hand-computed values."""

import pytest
import torch

from descentlab.tasks.losses.boxes import assign, centreness, decode, detect, encode, locations

LIKE = torch.empty(0)


def test_locations_are_the_centres_of_cells_row_by_row():
    assert locations((2, 3), 4, LIKE).tolist() == [[2, 2], [6, 2], [10, 2], [2, 6], [6, 6], [10, 6]]


def test_decode_inverts_encode():
    torch.manual_seed(0)
    points, corner = 64 * torch.rand(200, 2), 64 * torch.rand(200, 2)
    boxes = torch.cat([corner, corner + 30 * torch.rand(200, 2)], 1)
    torch.testing.assert_close(decode(encode(boxes, points, 8), points, 8), boxes)
    assert encode(torch.tensor([0.0, 2.0, 16.0, 6.0]), torch.tensor([4.0, 4.0]), 8).tolist() == [0.5, 0.25, 1.5, 0.25]


def test_centreness_equals_hand_computed_values():
    found = centreness(torch.tensor([[1.0, 2.0, 3.0, 2.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 4.0, 4.0]]))
    assert found.tolist() == pytest.approx([(1 / 3) ** 0.5, 1.0, 0.25])


def test_location_is_assigned_the_smallest_box_with_a_close_centre():
    """Cells of 8 pixels on 32 x 32: a box over everything, a small one in its middle, one that is padding."""
    targets = torch.tensor([[[0, 0, 32, 32, 1], [10, 10, 22, 22, 2], [0, 0, 8, 8, -1]]])
    points = locations((4, 4), 8, LIKE)
    number, positive = assign(targets, points, 8, radius=2.0)
    inner = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert positive.reshape(4, 4).int().tolist() == [[1] * 4] * 4
    assert (number.reshape(4, 4)).tolist() == inner
    number, positive = assign(targets, points, 8, radius=1.0)  # the outer cells are 12 pixels from the centre
    assert positive.reshape(4, 4).int().tolist() == inner
    assert number[positive].tolist() == [1] * 4


def test_locations_on_the_edge_and_padding_are_not_assigned():
    points = locations((1, 2), 8, LIKE)  # at 4 and 12
    _, positive = assign(torch.tensor([[[4, 0, 20, 8, 0]], [[0, 0, 16, 8, -1]]]), points, 8, radius=9.0)
    assert positive.tolist() == [[False, True], [False, False]]


def outputs(cells, classes=2):
    """A map of 4 x 4 cells: {(row, column): (class, logit, left, top, right, bottom)}, with high centreness."""
    made = torch.zeros(1, classes + 5, 4, 4)
    made[:, :classes] = -20
    made[:, -1] = 20
    for (row, column), (name, logit, *distances) in cells.items():
        made[0, name, row, column] = logit
        made[0, classes : classes + 4, row, column] = torch.tensor(distances)
    return made


# Both are the box (4, 4, 28, 28), from the centres (12, 12) and (20, 20) of two cells.
SAME_BOX = {(1, 1): (1.0, 1.0, 2.0, 2.0), (2, 2): (2.0, 2.0, 1.0, 1.0)}


def test_equal_boxes_of_one_class_are_reduced_to_the_better_one():
    one_class = {cell: (0, logit, *box) for (cell, box), logit in zip(SAME_BOX.items(), (1.0, 2.0), strict=True)}
    found = detect(outputs(one_class), 8, limit=5)[0]
    score = (1 / (1 + torch.tensor(-2.0).exp())).sqrt()
    torch.testing.assert_close(found[0], torch.tensor([4.0, 4.0, 28.0, 28.0, float(score), 0.0]))
    assert (found[1:] == -1).all()
    two_classes = {cell: (name, 2.0 - name, *box) for name, (cell, box) in enumerate(SAME_BOX.items())}
    assert detect(outputs(two_classes), 8, limit=5)[0, :, 5].tolist() == [0, 1, -1, -1, -1]


def test_limit_keeps_the_best_and_improbable_boxes_are_discarded():
    cells = {(row, row): (0, 3.0 - row, 0.25, 0.25, 0.25, 0.25) for row in range(4)}
    cells[0, 3] = (1, -4.0, 0.25, 0.25, 0.25, 0.25)  # a probability of 0.018
    found = detect(outputs(cells), 8, limit=2)[0]
    assert found[:, :2].tolist() == [[2, 2], [10, 10]]
    assert (detect(outputs(cells), 8, limit=9)[0, :, 5] >= 0).sum() == 4


def test_boxes_are_clipped_to_the_image():
    assert detect(outputs({(0, 0): (0, 3.0, 9.0, 9.0, 9.0, 9.0)}), 8, 1)[0, 0, :4].tolist() == [0, 0, 32, 32]
