"""Copies of tensors as parts of one vector."""

from __future__ import annotations

import pytest
import torch

from descentlab.optim.captured import LARGEST, Copies, fit_into_one_vector

SHAPES = {"weight": (3, 4), "bias": (3,), "scalar": ()}


def tensors() -> dict[str, torch.Tensor]:
    return {name: torch.randn(shape, dtype=torch.float64) for name, shape in SHAPES.items()}


def test_copies_keep_the_values_that_they_had():
    values, copies = tensors(), Copies(tensors())
    copies.set(list(values.values()))
    expected = {name: value.clone() for name, value in values.items()}
    for value in values.values():
        value.zero_()
    assert list(copies) == list(SHAPES)
    assert all(torch.equal(copies[name], value) for name, value in expected.items())


def test_norms_are_those_of_the_concatenated_tensors():
    values, others, copies = tensors(), tensors(), Copies(tensors())
    copies.set(list(values.values()))
    flat, other = (torch.cat([each.flatten() for each in found.values()]) for found in (values, others))
    assert float(copies.norm()) == pytest.approx(float(flat.norm()))
    assert float(copies.distance(list(others.values()))) == pytest.approx(float((flat - other).norm()))
    assert torch.equal(copies["weight"], values["weight"]), "a distance changes nothing"


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        ([torch.zeros(LARGEST)], True),
        ([torch.zeros(LARGEST), torch.zeros(1)], False),
        ([torch.zeros(2), torch.zeros(2, dtype=torch.float64)], False),
        ([torch.eye(2).to_sparse()], False),
        ([], False),
    ],
    ids=["largest", "too large", "two types", "sparse", "none"],
)
def test_small_dense_tensors_of_one_type_fit_into_a_vector(found, fits):
    assert fit_into_one_vector(found) is fits
