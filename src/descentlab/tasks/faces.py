"""Face embeddings: trained on known people, evaluated by recognition and by verification of strangers."""

from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from descentlab.config.types import NonNegative, Positive
from descentlab.tasks.base import Batch, Predict, Scores, Task
from descentlab.tasks.losses.faces import batch_hard_triplet, margin_softmax
from descentlab.tasks.metrics.verification import Verification
from descentlab.tracking.images import png

SHOWN = 12


class Faces(Task):
    """Task that compares faces (batch, dimensions + num_classes or none) with people (batch,).

    Outputs are embeddings of length 1, then cosines to the centres if there are any. An image is recognised if the most similar
    image of the training split, by the cosine of embeddings, shows the same person.
    `accuracy` is the fraction of recognised images of known people, for every loss. `auroc` and `eer` are computed over all
    pairs of images of strangers, people with numbers >= num_classes.

    Args:
        num_classes: the number of known people.
        dimensions: number of dimensions of the embedding.
        criterion: softmax (with a margin: ArcFace) or triplet.
        margin, scale: see descentlab.tasks.losses.faces.
        task: arguments of Task.
    """

    one_pass = False

    def __init__(
        self,
        num_classes: int,
        dimensions: int,
        criterion: Literal["softmax", "triplet"],
        margin: NonNegative,
        scale: Positive = 1.0,
        **task: Any,
    ) -> None:
        self.num_classes, self.dimensions = num_classes, dimensions
        self.criterion, self.margin, self.scale = criterion, margin, scale
        super().__init__(**task)

    def setup(self, stage: str) -> None:
        self.gallery: Batch = self.data.splits.train

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the mean loss of the batch; triplets are formed within the batch, or within a microbatch or process."""
        images, people = batch
        outputs = predict(images)
        if self.criterion == "triplet":
            return batch_hard_triplet(outputs[:, : self.dimensions], people, self.margin)
        return margin_softmax(outputs[:, self.dimensions :], people, self.scale, self.margin)

    def make_metrics(self) -> dict[str, Metric]:
        return {"accuracy": Recognition(), "verification": Verification()}

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        images, people = batch
        known = people < self.num_classes
        outputs = predict(images)
        embeddings = outputs[:, : self.dimensions]
        # strangers have no centre, but they form triplets
        included = known if self.criterion == "softmax" else torch.ones_like(known)
        if included.any():
            scores.loss.update(
                self.loss(lambda _: outputs[included], (images[included], people[included])), int(included.sum())
            )
        if known.any():
            found = self.gallery[1].to(people)[self.nearest(embeddings[known], predict)]
            scores.metrics["accuracy"].update((found == people[known]).float())
        scores.metrics["verification"].update(embeddings[~known], people[~known])

    def nearest(self, embeddings: Tensor, predict: Predict) -> Tensor:
        """Return the row of the training split that is most similar to each of `embeddings`, (batch,)."""
        gallery = predict(self.gallery[0].to(embeddings))[:, : self.dimensions]
        return (embeddings @ gallery.T).argmax(1)

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return test images of known people above the most similar training images, errors first."""
        images, people = batch
        known = people < self.num_classes
        if not known.any():
            return {}
        images, people = images[known], people[known]
        rows = self.nearest(self.model(images)[:, : self.dimensions], self.model)
        wrong = self.gallery[1].to(people)[rows] != people
        shown = wrong.int().argsort(descending=True, stable=True)[:SHOWN]
        picked = torch.cat([images[shown], self.gallery[0].to(images)[rows[shown]]]).cpu()
        low, high = picked.min(), picked.max()
        return {"nearest.png": png((picked - low) / (high - low), columns=len(shown))}


class Recognition(MeanMetric):
    """The fraction of images of known people that are recognised."""

    undefined = "the {split} split has no image of a known person"
