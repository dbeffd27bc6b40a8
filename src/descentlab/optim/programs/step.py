"""The pure function of one optimizer step: forward, backward, clipping, noise, decay, update rule, projection and average.

It computes what optim.step.Step computes, in the same order, for optimizers that have an update rule and need only gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer

from descentlab.optim.composite import parts_of
from descentlab.optim.output_layer import output_layer_names
from descentlab.optim.programs.columns import (
    CLIP_ADAPTIVE,
    CLIP_NORM,
    CLIP_VALUE,
    HIGH,
    LOW,
    NOISE,
    SEED,
    SHARE,
    STEP,
    Column,
    columns_of,
)
from descentlab.optim.programs.noise import Noise
from descentlab.optim.programs.update_rules import hyperparameters, update_rule, with_numbers
from descentlab.optim.recipe import Recipe
from descentlab.optim.transforms import average, clip, decay
from descentlab.optim.transforms.noise import add_noise
from descentlab.rules.rule import Rule

Batch = tuple[Tensor, ...]
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]  # (predict, batch) -> mean loss
Measure = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]]


class RunState(NamedTuple):
    """The tensors of a run that a step changes. In a block of stacked runs each tensor has a leading dimension, the runs.

    Args:
        weights: the trained parameters, in the order of the optimizer's groups.
        buffers: all other parameters and buffers of the model, by name.
        rules: the state of the update rule, for each of `weights`.
        mean: the average of each of `weights`; empty without averaging.
    """

    weights: list[Tensor]
    buffers: dict[str, Tensor]
    rules: list[dict[str, Tensor]]
    mean: list[Tensor]


@dataclass(frozen=True)
class Trained:
    """A trained parameter.

    Args:
        name: in the model.
        group: the index of its group.
        rule: its update rule.
        others: the hyperparameters of the rule that are not numbers, as `hyperparameters` returns them.
    """

    name: str
    group: int
    rule: Rule
    others: Mapping[str, Any]


def trained_parameters(model: nn.Module, optimizer: Optimizer) -> list[Trained]:
    """Return the parameters of `optimizer`, in the order of its groups."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    found: list[Trained] = []
    index = 0
    for part in parts_of(optimizer):
        for group in part.param_groups:
            rule = update_rule(part, group)
            assert rule is not None, "the caller has checked the optimizer"
            others = hyperparameters(rule, group)[1]
            found += [Trained(names[parameter], index, rule, others) for parameter in group["params"]]
            index += 1
    return found


class PureStep:
    """(state, numbers, batch) -> (state, loss, measured), a pure function for one run, which torch.vmap maps over runs.

    Args:
        model: provides the structure of the network; its weights are not used.
        loss: (predict, batch) -> mean loss.
        optimizer: provides the groups of parameters and the settings of the rules.
        recipe: clipping, decay, projection and averaging.
        measure: (weights before, weights after, gradients), each by parameter name -> measured numbers by name.

    Attributes:
        structure: a description of all settings that are not numbers. Runs of one model and one loss can be stacked if their
            steps have the same structure.
    """

    def __init__(self, model: nn.Module, loss: Loss, optimizer: Optimizer, recipe: Recipe, measure: Measure | None) -> None:
        self.model, self.loss, self.recipe, self.measure = model, loss, recipe, measure
        self.trained = trained_parameters(model, optimizer)
        self.names = [each.name for each in self.trained]
        last = output_layer_names(model)
        self.hidden = [place for place, name in enumerate(self.names) if name not in last]  # clipped adaptively
        self.columns = columns_of(recipe, optimizer)
        self.places = {column: place for place, column in enumerate(self.columns)}
        rules = [(each.name, each.group, each.rule.update.__module__, each.others) for each in self.trained]
        self.structure = repr((self.columns, rules, recipe.decay.to, recipe.orthogonal_gradient))

    def initial_state(self) -> RunState:
        """Return the state of a run that starts from the weights of `model`."""
        return self.state_of(self.model)

    def state_of(self, model: nn.Module) -> RunState:
        """Return copies of the tensors of a model of the same structure, and new states of the rules."""
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        weights = [tensors[name].detach().clone() for name in self.names]
        buffers = {name: tensor.detach().clone() for name, tensor in tensors.items() if name not in set(self.names)}
        rules = [each.rule.init(torch.atleast_1d(weight)) for each, weight in zip(self.trained, weights, strict=True)]
        mean = average.start(weights) if self.recipe.average.kind != "none" else []
        return RunState(weights, buffers, rules, mean)

    def __call__(self, state: RunState, numbers: Tensor, batch: Batch) -> tuple[RunState, Tensor, dict[str, Tensor]]:
        """Take one step.

        Args:
            state: the tensors before the step.
            numbers: the values of `columns`, shape (columns,), float64.
            batch: the tensors of the batch.

        Returns:
            The tensors after the step, the loss before the update, and the measured numbers.
        """
        values = numbers.unbind()
        gradients, (loss, buffers) = self.evaluate(state, numbers, batch)
        rules, changed = [], []
        decayed = self._decay(state.weights, values)
        for each, gradient, own, weight in zip(
            self.trained, self._transform(gradients, state.weights, values), state.rules, decayed, strict=True
        ):
            shaped = torch.atleast_1d(weight)
            increment, new = each.rule.update(torch.atleast_1d(gradient), own, shaped, **self._hyper(each, values))
            changed.append(self._projected(weight + increment.view_as(weight), values))
            rules.append({name: new[name] for name in own})  # in the order of the state, whatever that of the rule
        mean = average.update(state.mean, changed, values[self.places[SHARE]]) if state.mean else []
        measured = self._measured(state.weights, changed, gradients)
        return RunState(changed, buffers, rules, mean), loss, measured

    def evaluate(self, state: RunState, numbers: Tensor, batch: Batch) -> tuple[list[Tensor], tuple[Tensor, dict[str, Tensor]]]:
        """Return the gradient of each weight, and the loss and the buffers after the forward pass."""
        evaluate = grad_and_value(self._objective, has_aux=True)
        return evaluate(state.weights, state.buffers, batch, self.noise(numbers))

    def noise(self, numbers: Tensor) -> Noise:
        """Return the random numbers of the step with these `numbers`."""
        values = numbers.unbind()
        return Noise(values[self.places[SEED]], values[self.places[STEP]])

    @property
    def has_evaluation_weights(self) -> bool:
        """True if the weights that are validated are not the trained ones."""
        return self.recipe.average.kind != "none" or any(each.rule.evaluate for each in self.trained)

    def evaluation_weights(self, state: RunState, numbers: Tensor) -> list[Tensor]:
        """Return the weights that are validated after at least one step: an average, or those of a schedule-free rule."""
        if state.mean:
            return [mean.to(weight.dtype) for mean, weight in zip(state.mean, state.weights, strict=True)]
        values = numbers.unbind()
        found: list[Tensor] = []
        for each, own, weight in zip(self.trained, state.rules, state.weights, strict=True):
            if each.rule.evaluate is None:
                found.append(weight)
            else:
                shaped = torch.atleast_1d(weight)
                found.append(each.rule.evaluate(own, shaped, **self._hyper(each, values)).view_as(weight))
        return found

    def _objective(
        self, weights: list[Tensor], buffers: dict[str, Tensor], batch: Batch, noise: Noise
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, and the buffers after the forward pass."""
        own = {name: buffer.clone() for name, buffer in buffers.items()}  # batch normalization changes them in place
        tensors = {**dict(zip(self.names, weights, strict=True)), **own}
        with noise, sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention cannot be stacked
            loss = self.loss(lambda inputs: functional_call(self.model, tensors, (inputs,)), batch)
        return loss, own

    def _transform(self, gradients: Sequence[Tensor], weights: list[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradients after orthogonalization, coupled decay, clipping and noise."""
        seed, step = values[self.places[SEED]], values[self.places[STEP]]
        found = self.recipe.orthogonal_gradient.of(list(gradients), weights, seed, step)
        for place, each in enumerate(self.trained):
            column = self.places.get(Column(each.group, "coupled"))
            if column is not None and self._is_decayed(weights[place]):
                found[place] = decay.coupled([found[place]], [weights[place]], values[column])[0]
        if (column := self.places.get(CLIP_VALUE)) is not None:
            found = clip.clip_by_value(found, values[column])
        if (column := self.places.get(CLIP_ADAPTIVE)) is not None:
            gradients, own = ([tensors[place] for place in self.hidden] for tensors in (found, weights))
            for place, clipped in zip(self.hidden, clip.clip_adaptively(gradients, own, values[column]), strict=True):
                found[place] = clipped
        if (column := self.places.get(CLIP_NORM)) is not None:
            found = clip.clip_by_norm(found, values[column])
        if (column := self.places.get(NOISE)) is not None:
            found = add_noise(found, values[column], seed, step)
        return found

    def _decay(self, weights: list[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
        """Return the weights after decoupled or independent decay, which comes before the update."""
        found = list(weights)
        for place, each in enumerate(self.trained):
            column = self.places.get(Column(each.group, "shrink"))
            if column is not None and self._is_decayed(weights[place]):
                found[place] = decay.decoupled([weights[place]], values[column])[0]
        return found

    def _projected(self, weight: Tensor, values: Sequence[Tensor]) -> Tensor:
        """Return the weight after projection."""
        if LOW not in self.places:
            return weight
        return torch.clamp(weight, *(values[self.places[bound]].to(weight.dtype) for bound in (LOW, HIGH)))

    def _is_decayed(self, weight: Tensor) -> bool:
        return self.recipe.decay.to == "all" or weight.dim() >= 2

    def _hyper(self, each: Trained, values: Sequence[Tensor]) -> dict[str, Any]:
        """Return the hyperparameters of the rule of a parameter."""
        own = {c.name: value for c, value in zip(self.columns, values, strict=True) if c.group == each.group}
        return with_numbers(each.others, {name: value for name, value in own.items() if name not in ("coupled", "shrink")})

    def _measured(self, before: list[Tensor], after: list[Tensor], gradients: Sequence[Tensor]) -> dict[str, Tensor]:
        if self.measure is None:
            return {}
        named = (dict(zip(self.names, tensors, strict=True)) for tensors in (before, after, gradients))
        return dict(self.measure(*named))


def over_runs(step: PureStep, batch_is_shared: bool) -> Callable[..., Any]:
    """Return `step` for stacked runs: tensors of the state have a leading dimension of runs, numbers the shape (runs, columns).

    Args:
        step: the step of one run.
        batch_is_shared: True if all runs take the same batch; otherwise its tensors have a leading dimension of runs, too.
    """
    return torch.vmap(step, in_dims=(0, 0, None if batch_is_shared else 0))
