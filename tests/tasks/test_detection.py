"""Detection: the loss equals the papers' formulas; mean average precision by hand; a run from end to end."""

import io
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import needs_data
from PIL import Image
from torch import nn

from descentlab.optim.recipe import Recipe
from descentlab.tasks.detection import Detection
from descentlab.tasks.metrics.detection import AveragePrecision


def task(num_classes=2, **changes):
    recipe = Recipe(optimizer=torch.optim.SGD)
    names = [f"thing{number}" for number in range(num_classes)]
    return Detection(num_classes, names, stride=8, model=nn.Identity(), recipe=recipe, monitor="loss", mode="min", **changes)


def focal(logit, wanted, alpha=0.25, gamma=2.0):
    p = 1 / (1 + math.exp(-logit))
    return -alpha * (1 - p) ** gamma * math.log(p) if wanted else -(1 - alpha) * p**gamma * math.log(1 - p)


def generalised_iou(a, b):
    area = lambda box: max(0, box[2] - box[0]) * max(0, box[3] - box[1])  # noqa: E731
    shared = area([*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:])])
    around = area([*map(min, a[:2], b[:2]), *map(max, a[2:], b[2:])])
    union = area(a) + area(b) - shared
    return shared / union - (around - union) / around


def batch(rows=1, seed=0):
    """Outputs of a map of 2 x 2 cells and two classes, and one box around the upper two cells' centres, or around all."""
    torch.manual_seed(seed)
    outputs = torch.randn(rows, 7, 2, 2)
    outputs[:, 2:6] = outputs[:, 2:6].abs()
    targets = torch.tensor([[[1, 1, 15, 8, 1], [0, 0, 0, 0, -1]]]).repeat(rows, 1, 1)
    return outputs, targets


def test_loss_equals_the_hand_computed_sum_of_its_formulas():
    outputs, targets = batch()
    made = task()
    made.positives = 2.0
    expected, box = 0.0, (1, 1, 15, 8)
    for row in range(2):
        for column in range(2):
            *logits, left, top, right, bottom, centre = outputs[0, :, row, column].tolist()
            expected += focal(logits[0], False) + focal(logits[1], row == 0)
            if row == 0:
                x, y = 8 * column + 4, 4
                found = (x - 8 * left, y - 8 * top, x + 8 * right, y + 8 * bottom)
                sides = sorted([x - box[0], box[2] - x]), sorted([y - box[1], box[3] - y])
                middle = math.sqrt(math.prod(small / large for small, large in sides))
                p = 1 / (1 + math.exp(-centre))
                expected += 1 - generalised_iou(found, box) - middle * math.log(p) - (1 - middle) * math.log(1 - p)
    assert float(made.loss(lambda x: x, (outputs, targets))) == pytest.approx(expected / 2, rel=1e-5)


def test_generalized_iou_equals_a_hand_computed_value():
    """Two unit squares with a gap of one between them: no overlap, and a third of the enclosing box is empty."""
    assert generalised_iou((0, 0, 1, 1), (2, 0, 3, 1)) == pytest.approx(-1 / 3)
    outputs = torch.full((1, 6, 1, 1), -50.0)
    outputs[0, 1:5, 0, 0] = torch.tensor([0.5, 0.5, 0.0, 0.5])  # (0, 0, 4, 8) from (4, 4), half of (0, 0, 8, 8)
    outputs[0, 0] = outputs[0, 5] = 50.0
    assert float(task(1).loss(lambda x: x, (outputs, torch.tensor([[[0, 0, 8, 8, 0]]])))) == pytest.approx(0.5, abs=1e-5)


def test_loss_is_a_mean_per_example_for_any_division_of_the_batch():
    outputs, targets = batch(6)
    targets[:3, 0, 4] = -1  # no box in half of them
    losses = [float(task().loss(lambda x: x, (outputs[part], targets[part]))) for part in (slice(6), slice(0, 2), slice(2, 6))]
    assert losses[0] == pytest.approx((2 * losses[1] + 4 * losses[2]) / 6, rel=1e-5)


def test_loss_and_gradients_without_boxes_are_finite():
    outputs, targets = batch(3)
    targets[..., 4] = -1
    outputs.requires_grad_()
    task().loss(lambda x: x, (outputs, targets)).backward()
    assert outputs.grad.isfinite().all()
    assert outputs.grad[:, :2].any()
    assert not outputs.grad[:, 2:].any()


def test_loss_is_normalized_by_the_mean_number_of_assigned_locations(monkeypatch):
    targets = torch.cat([batch()[1], batch()[1], torch.full((1, 2, 5), -1)])  # two locations, two, none
    splits = SimpleNamespace(train=(torch.zeros(3, 1, 16, 16), targets))
    monkeypatch.setattr(Detection, "data", SimpleNamespace(splits=splits), raising=False)
    made = task()
    made.setup("fit")
    assert made.positives == pytest.approx(4 / 3)


def detections(*rows):
    return torch.tensor([[[*box, score, name] for *box, score, name in image] for image in rows], dtype=torch.float32)


TRUE = torch.tensor([[[0, 0, 20, 20, 0], [30, 30, 60, 60, 1]], [[5, 5, 40, 30, 1], [0, 0, 0, 0, -1]]])


def test_perfect_predictions_have_a_mean_average_precision_of_one():
    metric = AveragePrecision()
    scores = torch.full((2, 2, 1), 0.9)
    metric.update(torch.cat([TRUE[..., :4], scores, TRUE[..., 4:]], 2), TRUE)
    assert {name: float(value) for name, value in metric.compute().items()} == {"map": 1.0, "map_50": 1.0}


@pytest.mark.parametrize(("score", "expected"), [(0.8, 51 / 101), (0.99, 0.5 * 51 / 101)])
def test_average_precision_equals_hand_computed_values(score, expected):
    """One of two boxes is detected with a score of 0.9, and a false one: precision 1 or 1/2 up to a recall of 1/2."""
    metric = AveragePrecision()
    metric.update(
        detections([(0, 0, 20, 20, 0.9, 0), (40, 0, 60, 20, score, 0)]), torch.tensor([[[0, 0, 20, 20, 0], [0, 30, 20, 50, 0]]])
    )
    assert float(metric.compute()["map_50"]) == pytest.approx(expected, abs=1e-5)


def test_box_with_an_iou_of_six_tenths_counts_at_lower_thresholds_only():
    metric = AveragePrecision()
    metric.update(detections([(0, 0, 12, 20, 0.9, 0)]), torch.tensor([[[0, 0, 20, 20, 0]]]))
    found = metric.compute()
    assert float(found["map_50"]) == 1.0
    assert float(found["map"]) == pytest.approx(0.3, abs=0.11)  # .5, .55 and, in exact arithmetic, .6


def test_processes_with_unequal_shares_equal_a_single_process():
    found = detections(
        [(0, 0, 20, 20, 0.9, 0), (30, 30, 60, 50, 0.3, 1)],
        [(5, 5, 40, 30, 0.6, 1), (0, 0, 9, 9, 0.95, 0)],
    )
    whole, first, second = AveragePrecision(), AveragePrecision(), AveragePrecision()
    whole.update(found.repeat(3, 1, 1), TRUE.repeat(3, 1, 1))
    first.update(found.repeat(2, 1, 1), TRUE.repeat(2, 1, 1))
    second.update(found, TRUE)
    first.merge_state(second)
    assert 0 < float(whole.compute()["map"]) < 1
    assert {k: float(v) for k, v in first.compute().items()} == {k: float(v) for k, v in whole.compute().items()}


def test_image_shows_true_and_detected_boxes():
    made = task()
    output = torch.tensor([5.0, -5.0, 1.0, 1.0, 1.0, 1.0, 5.0])
    made.model = Constant(output.reshape(1, 7, 1, 1))
    shown = made.artifacts((torch.zeros(2, 1, 64, 64, dtype=torch.uint8), TRUE))["detections.png"]
    image = Image.open(io.BytesIO(shown))
    inside = image.crop((2, 2, 2 + 4 * 64, 2 + 4 * 64))  # the first image, without its margin
    colours = {colour: count for count, colour in inside.getcolors(1 << 20)}
    assert min(colours[255, 255, 255], colours[0xE6, 0x19, 0x4B]) > 50


class Constant(nn.Module):
    """Model with the same output at each location for any input."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, x):
        return self.output.expand(len(x), -1, 8, 8)


@needs_data("fashion_mnist")
def test_detection_run_from_end_to_end(train):
    words = (
        "problem=fashion_scenes_detector",
        "data.scenes=[64,16,16]",
        "budget.epochs=null",
        "budget.steps=4",
        "batch_size=16",
    )
    run = train(*words)
    assert run.record.status == "completed"
    assert set(run.record.summary["test"]) == {"loss", "map", "map_50"}
    assert (run.folder / "exhibits" / "detections.png").stat().st_size > 1000
