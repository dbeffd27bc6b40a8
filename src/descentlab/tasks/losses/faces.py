"""Losses of face embeddings: softmax with an angular margin, and triplets."""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def margin_softmax(cosines: Tensor, people: Tensor, scale: float, margin: float) -> Tensor:
    """Return the mean cross-entropy of scale * cos(angle), with `margin` added to the angle to the person's own centre.

    Deng et al., arXiv:1801.07698, eq. 3; margin 0 is eq. 2, the softmax of cosines (Wang et al., arXiv:1704.06369). Beyond an
    angle of pi - margin, where the cosine of the increased angle would rise again, it is replaced by cos(angle) - margin *
    sin(margin), as in the authors' code.

    Args:
        cosines: cosines of the angles to the centres, (batch, people).
        people: (batch,).
        scale: factor of the cosines, > 0.
        margin: the margin in radians, in [0, pi].
    """
    own = cosines.gather(1, people[:, None]).clamp(-1, 1)
    sine = (1 - own**2).clamp(min=torch.finfo(own.dtype).eps).sqrt()
    widened = own * math.cos(margin) - sine * math.sin(margin)
    widened = torch.where(own > -math.cos(margin), widened, own - margin * math.sin(margin))
    return cross_entropy(scale * cosines.scatter(1, people[:, None], widened), people)


def batch_hard_triplet(embeddings: Tensor, people: Tensor, margin: float) -> Tensor:
    """Return the mean of max(0, margin + distance to the furthest of the same person - distance to the closest other).

    Hermans, Beyer and Leibe, arXiv:1703.07737, eq. 5. The mean is over anchors, the examples of the batch that have both; 0
    if there are none.

    Args:
        embeddings: (batch, dimensions).
        people: (batch,).
        margin: the margin in the unit of the embedding, >= 0.
    """
    squared = (embeddings[:, None] - embeddings[None]).square().sum(-1)
    distances = squared.clamp(min=1e-12).sqrt()  # the root has no gradient at 0
    same = people[:, None] == people[None]
    other = same & ~torch.eye(len(people), dtype=torch.bool, device=people.device)
    furthest = torch.where(other, distances, -torch.inf).amax(1)
    closest = torch.where(same, torch.inf, distances).amin(1)
    anchors = other.any(1) & ~same.all(1)
    each = (margin + furthest[anchors] - closest[anchors]).relu()
    return each.sum() / anchors.sum().clamp(min=1)
