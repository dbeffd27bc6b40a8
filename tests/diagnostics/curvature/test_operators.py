"""Products with the Hessian and the Gauss-Newton matrix equal those with the whole matrices."""

from __future__ import annotations

import pytest
import torch
from support.step_taken import classification_loss, full_hessian, step_context, tiny_network, value_loss, weights_of
from torch import Tensor, nn
from torch.func import functional_call

from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import Operator, gauss_newton, hessian, scaled
from descentlab.models.quadratic import Quadratic


def matrix_of(operator: Operator) -> Tensor:
    return torch.stack([operator.product(unit) for unit in torch.eye(operator.size).to(operator.like)], 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])
@pytest.mark.parametrize("sizes", [[12], [5, 7], [1, 4, 7]], ids=str)
def test_the_hessian_is_that_of_autograd_with_any_microbatches(dtype, tolerance, sizes):
    model, batch = tiny_network(dtype)
    batches = list(zip(*(part.split(sizes) for part in batch), strict=True))
    found = matrix_of(hessian(Objective(step_context(model, classification_loss, batches))))
    expected = full_hessian(model, classification_loss, batch)
    assert (found - expected).norm() < tolerance * expected.norm()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])
@pytest.mark.parametrize("sizes", [[12], [5, 7]], ids=str)
def test_the_gauss_newton_matrix_is_the_jacobian_around_the_curvature_of_softmax(dtype, tolerance, sizes):
    model, batch = tiny_network(dtype)
    batches = list(zip(*(part.split(sizes) for part in batch), strict=True))
    found = matrix_of(gauss_newton(Objective(step_context(model, classification_loss, batches))))
    weights = weights_of(model)
    jacobians = torch.func.jacrev(lambda named: functional_call(model, named, (batch[0],)))(weights)
    jacobian = torch.cat([each.flatten(2) for each in jacobians.values()], 2)  # (12, 3, 67)
    shares = model(batch[0]).detach().softmax(1)
    curvature = shares.diag_embed() - shares[:, :, None] * shares[:, None, :]
    expected = torch.einsum("bin,bij,bjm->nm", jacobian, curvature, jacobian) / 12
    assert (found - expected).norm() < tolerance * expected.norm()


def test_a_loss_without_curvature_in_the_outputs_has_no_gauss_newton_matrix():
    context = step_context(Quadratic(5), value_loss, [(torch.randn(6, 5),)])
    assert matrix_of(gauss_newton(Objective(context))).norm() == 0


def test_the_scaled_matrix_is_symmetric_and_has_the_eigenvalues_of_the_product():
    model = Quadratic(6)
    diagonal = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 10.0])
    context = step_context(model, value_loss, [(torch.randn(6, 6),)])
    found = matrix_of(scaled(hessian(Objective(context)), diagonal))
    torch.testing.assert_close(found, found.T)
    expected = torch.linalg.eigvals(diagonal.diag() @ model.q).real.sort().values
    torch.testing.assert_close(torch.linalg.eigvalsh(found), expected, rtol=1e-4, atol=1e-4)


def test_the_products_use_the_statistics_of_the_batch_and_leave_the_running_ones():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double()
    batch = (torch.randn(9, 3).double(), torch.randint(0, 2, (9,)))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    found = matrix_of(hessian(Objective(step_context(model, classification_loss, [batch]))))
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    expected = full_hessian(model, classification_loss, batch)
    assert (found - expected).norm() < 1e-8 * expected.norm()


def test_weights_in_half_precision_give_products_in_single_precision():
    model, batch = tiny_network(torch.float32)
    expected = matrix_of(hessian(Objective(step_context(model, classification_loss, [batch]))))
    half = step_context(model.bfloat16(), classification_loss, [(batch[0].bfloat16(), batch[1])])
    found = matrix_of(hessian(Objective(half)))
    assert found.dtype == torch.float32
    assert 0 < (found - expected).norm() < 0.05 * expected.norm()  # the weights and inputs themselves are rounded
