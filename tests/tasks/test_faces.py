"""Face embeddings: losses by hand and by brute force; recognition and verification; a run from end to end."""

import io
import math

import pytest
import torch
from conftest import needs_data
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import normalize

from descentlab.optim.recipe import Recipe
from descentlab.tasks.faces import Faces
from descentlab.tasks.losses.faces import batch_hard_triplet, margin_softmax
from descentlab.tasks.metrics.verification import Verification, pairs


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5])
def test_margin_softmax_equals_hand_computed_values(margin):
    """The margin is added to the angle to the own centre only (Deng et al., eq. 3)."""
    angles, people, scale = [[0.4, 1.2, 2.0], [1.5, 0.7, 2.5]], [0, 2], 8.0
    expected = 0.0
    for row, own in zip(angles, people, strict=True):
        logits = [scale * math.cos(angle + margin * (place == own)) for place, angle in enumerate(row)]
        expected += math.log(sum(map(math.exp, logits))) - logits[own]
    found = margin_softmax(torch.tensor(angles).cos(), torch.tensor(people), scale, margin)
    assert float(found) == pytest.approx(expected / 2, rel=1e-5)


def test_margin_softmax_increases_with_the_angle_up_to_pi():
    angles = torch.linspace(0.01, math.pi - 0.01, 200)
    others = torch.zeros(200)
    losses = [
        float(margin_softmax(torch.stack([a.cos(), o])[None], torch.tensor([0]), 4.0, 0.5))
        for a, o in zip(angles, others, strict=True)
    ]
    assert (torch.tensor(losses).diff() > -1e-6).all()


def test_gradient_is_finite_at_the_centre():
    cosines = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    margin_softmax(cosines, torch.tensor([0, 0]), 16.0, 0.3).backward()
    assert cosines.grad.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_triplets_are_the_hardest_of_the_batch(seed):
    torch.manual_seed(seed)
    embeddings, people = normalize(torch.randn(12, 4), dim=1), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4])
    losses = []
    for anchor in range(12):
        distance = [math.dist(embeddings[anchor].tolist(), other.tolist()) for other in embeddings]
        same = [d for other, d in enumerate(distance) if people[other] == people[anchor] and other != anchor]
        others = [d for other, d in enumerate(distance) if people[other] != people[anchor]]
        losses += [max(0.0, 0.2 + max(same) - min(others))] if same else []
    assert len(losses) == 11
    assert float(batch_hard_triplet(embeddings, people, 0.2)) == pytest.approx(sum(losses) / 11, rel=1e-4)


@pytest.mark.parametrize("people", [[0, 1, 2], [0, 0, 0]])
def test_loss_without_triplets_is_zero_and_has_a_gradient(people):
    embeddings = torch.randn(3, 4, requires_grad=True)
    loss = batch_hard_triplet(embeddings, torch.tensor(people), 0.2)
    loss.backward()
    assert float(loss) == 0.0
    assert not embeddings.grad.any()


def on_circle(*degrees):
    angles = torch.tensor(degrees, dtype=torch.float32).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], 1)


def verified(embeddings, people):
    metric = Verification()
    metric.update(embeddings, torch.tensor(people))
    return {name: float(value) for name, value in metric.compute().items()}


def test_equal_error_rate_equals_a_hand_computed_value():
    """Same: 60 and 20 degrees apart; different: 50, 70, 10, 10. At 20 degrees half of either kind is wrong."""
    assert verified(on_circle(0, 60, 50, 70), [0, 0, 1, 1]) == pytest.approx({"auroc": 3 / 8, "eer": 0.5})
    assert verified(on_circle(0, 10, 90, 120), [0, 0, 1, 1]) == pytest.approx({"auroc": 1.0, "eer": 0.0})


def test_auroc_equals_scikit_learns_over_all_pairs():
    torch.manual_seed(0)
    embeddings, people = normalize(torch.randn(30, 3), dim=1), torch.arange(30) % 5
    cosines, same = pairs(embeddings, people)
    assert len(cosines) == 30 * 29 / 2
    assert int(same.sum()) == 5 * 6 * 5 / 2
    assert verified(embeddings, people.tolist())["auroc"] == pytest.approx(roc_auc_score(same, cosines), abs=1e-5)


def test_pairs_include_those_across_batches_and_processes():
    embeddings, people = normalize(torch.randn(20, 3), dim=1), torch.arange(20) % 4
    first, second = Verification(), Verification()
    first.update(embeddings[:7], people[:7])
    first.update(embeddings[7:13], people[7:13])
    second.update(embeddings[13:], people[13:])
    first.merge_state(second)
    assert {k: float(v) for k, v in first.compute().items()} == pytest.approx(verified(embeddings, people.tolist()))


def test_verification_is_undefined_without_pairs_of_both_kinds():
    assert all(math.isnan(value) for value in verified(on_circle(0, 10), [0, 0]).values())


def task(criterion="softmax", **changes):
    given = {"num_classes": 2, "dimensions": 2, "criterion": criterion, "margin": 0.1, "scale": 4.0, **changes}
    made = Faces(model=nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min", **given)
    gallery = on_circle(0, 40, 90)
    made.gallery = (torch.cat([gallery, gallery], 1), torch.tensor([0, 0, 1]))  # cosines to centres at 0 and 90 degrees
    return made


def test_known_people_are_recognised_and_strangers_verified():
    made, points = task(), on_circle(50, 70, 80, 10, 200, 210, 300)
    people = torch.tensor([0, 0, 1, 1, 2, 2, 3])  # the second is closer to 90 degrees than to 40, the fourth to 0
    made.validation_step((torch.cat([points, points], 1), people), 0)
    found = {name: float(value) for name, value in made.valid.collect("").items()}
    assert set(found) == {"loss", "accuracy", "auroc", "eer"}
    assert found["accuracy"] == 0.5
    assert found["auroc"] == 1.0
    assert found["loss"] == pytest.approx(float(margin_softmax(points[:4], people[:4], 4.0, 0.1)))


def test_triplet_loss_includes_strangers():
    made, points, people = task("triplet"), on_circle(50, 170, 200, 260), torch.tensor([0, 1, 2, 2])
    made.validation_step((points.repeat(1, 2), people), 0)
    expected = batch_hard_triplet(points, people, 0.1)
    assert float(expected) > 0
    assert float(made.valid.collect("")["loss"]) == pytest.approx(float(expected))


@pytest.mark.parametrize("criterion", ["softmax", "triplet"])
def test_batch_of_strangers_does_not_change_the_accuracy(criterion):
    made, points = task(criterion), on_circle(200, 210, 300)
    made.validation_step((points.repeat(1, 2), torch.tensor([2, 2, 3])), 0)
    assert float(made.valid.collect("")["auroc"]) == 1.0


@needs_data("orl_faces")
@pytest.mark.parametrize("words", [("task=arcface",), ("task=triplet", "model=face_embedding", "batch_size=60")])
def test_face_run_with_an_eigenfaces_baseline(train, words):
    run = train("problem=orl_faces_recognition", *words, "budget.epochs=null", "budget.steps=3", "baseline=eigenfaces")
    summary = run.record.summary
    assert run.record.status == "completed"
    assert set(summary["test"]) == set(summary["baseline"]["test"]) == {"loss", "accuracy", "auroc", "eer"}
    assert summary["baseline"]["test"]["accuracy"] == pytest.approx(56 / 60)
    assert Image.open(io.BytesIO((run.folder / "exhibits" / "nearest.png").read_bytes())).size[0] > 500
