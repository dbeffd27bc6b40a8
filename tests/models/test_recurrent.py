"""Recurrent networks: the recursion, the outputs, and the initial recurrent matrices."""

import pytest
import torch

from descentlab.models.recurrent import CELLS, Recurrent

every_cell = pytest.mark.parametrize("cell", CELLS)


def make(cell="rnn", seed=0, **changes):
    torch.manual_seed(seed)
    return Recurrent(**{"vocabulary": 7, "num_outputs": 3, "cell": cell, "width": 10} | changes)


def ids(rows=4, steps=9):
    return torch.randint(7, (rows, steps), generator=torch.Generator().manual_seed(1))


@every_cell
@pytest.mark.parametrize("layers", [1, 2])
def test_last_output_equals_the_last_of_every_output(cell, layers):
    last, every = (make(cell, layers=layers, output=output)(ids()) for output in ("last", "every"))
    assert (last.shape, every.shape) == ((4, 3), (4, 9, 3))
    torch.testing.assert_close(last, every[:, -1])


@every_cell
def test_outputs_depend_only_on_earlier_steps(cell):
    model, before = make(cell, output="every"), ids()
    after = before.clone()
    after[:, 4] = (after[:, 4] + 1) % 7
    moved = (model(after) - model(before)).abs().amax(dim=(0, 2))
    assert moved[:4].eq(0).all()
    assert moved[4:].gt(0).all()


def test_rnn_equals_the_recursion():
    model, read = make(), ids()
    cells, h = model.cells, torch.zeros(4, 10)
    for step in range(9):
        inputs = model.embed(read[:, step]) @ cells.weight_ih_l0.T + cells.bias_ih_l0
        h = torch.tanh(inputs + h @ cells.weight_hh_l0.T + cells.bias_hh_l0)
    torch.testing.assert_close(model(read), model.head(h))


@pytest.mark.parametrize("radius", [0.5, 0.95, 1.2])
def test_initial_recurrent_matrices_have_the_given_radius(radius):
    model, drawn = make(init_radius=radius, layers=2), make(layers=2)
    for name, weight in model.named_parameters():
        original = dict(drawn.named_parameters())[name]
        if "weight_hh" in name:
            assert float(torch.linalg.eigvals(weight.detach()).abs().max()) == pytest.approx(radius, rel=1e-4)
            torch.testing.assert_close(weight / weight.norm(), original / original.norm())
        else:
            assert torch.equal(weight, original)


def test_dropout_is_applied_only_in_training():
    model = make(dropout=0.5, layers=2)
    assert not torch.equal(model(ids()), model(ids()))
    model.eval()
    assert torch.equal(model(ids()), make(layers=2)(ids()))


@pytest.mark.parametrize("changes", [{"cell": "mgu"}, {"output": "first"}, {"cell": "lstm", "init_radius": 1.0}])
def test_invalid_arguments_are_refused(changes):
    with pytest.raises(ValueError, match=r"cell=|init_radius="):
        make(**changes)


def test_linear_cell_has_the_weights_of_an_rnn_and_equals_the_recursion_without_activation():
    model, plain, read = make("linear", layers=2), make(layers=2), ids()
    assert {name: weight.shape for name, weight in model.named_parameters()} == {
        name: weight.shape for name, weight in plain.named_parameters()
    }
    cells, x = model.cells, model.embed(read)
    for layer in range(2):
        own = {name: getattr(cells, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        h, states = torch.zeros(4, 10), []
        for step in range(9):
            h = x[:, step] @ own["weight_ih"].T + own["bias_ih"] + h @ own["weight_hh"].T + own["bias_hh"]
            states.append(h)
        x = torch.stack(states, 1)
    torch.testing.assert_close(model(read), model.head(x[:, -1]))


@pytest.mark.parametrize("radius", [0.9, 1.1])
def test_gradient_of_a_linear_cell_grows_by_the_spectral_radius_per_step(radius):
    model = make("linear", init_radius=radius, width=20)
    x = torch.randn(1, 201, 20, requires_grad=True)
    states, _ = model.cells(x)
    (gradient,) = torch.autograd.grad(states[0, -1] @ torch.randn(20), x)
    norms = gradient[0].norm(dim=1)
    assert float((norms[0] / norms[160]) ** (1 / 160)) == pytest.approx(radius, rel=0.01)
