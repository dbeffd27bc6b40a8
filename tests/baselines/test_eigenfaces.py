"""Eigenfaces: principal components, and the cosines to the images of each person."""

import torch
from torch.nn.functional import normalize

from descentlab.baselines.eigenfaces import Eigenfaces


def test_components_and_cosines_equal_those_of_a_singular_value_decomposition():
    torch.manual_seed(0)
    images, people, x = torch.randn(20, 1, 5, 4), torch.arange(20) % 3, torch.randn(6, 1, 5, 4)
    mean = images.flatten(1).mean(0)
    components = torch.linalg.svd(images.flatten(1) - mean, full_matrices=False)[2][:7]
    embedding, gallery = (normalize((part.flatten(1) - mean) @ components.T, dim=1) for part in (x, images))
    found = Eigenfaces(dimensions=7).fit((images, people))(x)
    assert found.shape == (6, 7 + 3)
    torch.testing.assert_close(found[:, :7].abs(), embedding.abs(), rtol=1e-3, atol=1e-4)  # signs are arbitrary
    likeness = embedding @ gallery.T
    expected = torch.stack([likeness[:, people == person].amax(1) for person in range(3)], 1)
    torch.testing.assert_close(found[:, 7:], expected, rtol=1e-3, atol=1e-4)
