"""The part of a script that differs between runs: model, loss, metrics, optimizers and schedules of a config, as source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from descentlab.errors import UsageError
from descentlab.export.literals import call, literal
from descentlab.export.modules import Import, Module, free_names
from descentlab.export.rewrite import Edit, apply, span
from descentlab.optim import scratch
from descentlab.optim.scratch import RuleOptimizer
from descentlab.tasks.base import Task

TEMPLATE = "descentlab.export.template"
FIXED = {"_target_", "_partial_"}  # keys of a node that are no arguments
# Expressions of the metrics: of the mean loss `mean`, the outputs `found`, the `targets`, and attributes of the metric.
METRICS = {
    "descentlab.tasks.classification.Accuracy": "accuracy(found, targets)",
    "descentlab.tasks.language_modeling.Perplexity": "math.exp(mean)",
    "descentlab.tasks.language_modeling.BitsPerCharacter": "mean / math.log(2)",
    "descentlab.tasks.metrics.binary.Accuracy": "binary_accuracy(found, targets)",
    "descentlab.tasks.metrics.binary.AUROC": "auroc(found, targets)",
    "descentlab.tasks.metrics.binary.AveragePrecision": "average_precision(found, targets)",
    "descentlab.tasks.metrics.binary.KolmogorovSmirnov": "kolmogorov_smirnov(found, targets)",
    "descentlab.tasks.metrics.binary.Sensitivity": "sensitivity(found, targets, {min_specificity})",
    "descentlab.tasks.metrics.binary.Brier": "brier(found, targets)",
    "descentlab.tasks.metrics.binary.CalibrationError": "calibration_error(found, targets)",
    "descentlab.tasks.regression._ScaledRMSE": "root_mean_squared_error(found, targets, {scale})",
    "descentlab.tasks.regression._ScaledMAE": "mean_absolute_error(found, targets, {scale})",
    "descentlab.tasks.metrics.regression.R2": "r_squared(found, targets)",
    "descentlab.tasks.reconstruction._MSE": "mean_squared_error(found, targets)",
    "descentlab.tasks.reconstruction.PSNR": "signal_to_noise(found, targets, {peak})",
}


def source(config: Mapping[str, Any], task: Task, model: Mapping[str, Any], reader: str, plain: bool) -> str:
    """Return a module with the functions of template.run_parts, and the objects of template.settings, for one run.

    Args:
        config: the resolved config.
        task: the task of the run, after `setup`.
        model: the config's model node with the shapes of the data.
        reader: the module of the template that reads the data.
        plain: True if one optimizer trains all parameters with the same settings.
    """
    kind = type(task.model)
    parts = [
        f"from {TEMPLATE}.{reader} import load_data",
        method(task, "loss"),
        method(task, "score"),
        metrics(task),
        f"from torch import nn\nfrom {kind.__module__} import {kind.__qualname__}",
        "def make_model() -> nn.Module:",
        '    """Return the model with its initial weights."""',
        f"    return {call(kind.__qualname__, arguments(model, 'model'))}",
        optimizers(config, plain),
        *(schedule(config[key], key.upper()) for key in ("schedule", "momentum_schedule", "decay_schedule") if config[key]),
        augmentation(task),
    ]
    return "\n".join(parts)


def arguments(node: Mapping[str, Any], group: str) -> dict[str, str]:
    """Return the arguments that a node of the config gives to its class, as source.

    Raises:
        UsageError: one of them is an object that has a `_target_` itself.
    """
    found = {key: value for key, value in node.items() if key not in FIXED}
    for key, value in found.items():
        if isinstance(value, Mapping):
            raise UsageError(f"{group}.{key} is a nested object, which an exported script cannot construct")
    return {key: literal(value) for key, value in found.items()}


def method(task: Task, name: str) -> str:
    """Return a method of a task as a function, with the values of the task's attributes in place of `self.name`.

    Raises:
        UsageError: the method uses an attribute that is not a plain value.
    """
    owner = next(kind for kind in type(task).__mro__ if name in vars(kind))
    text = textwrap.dedent(inspect.getsource(vars(owner)[name])).replace("(self, ", "(", 1)
    edits: list[Edit] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            edits.append((*span(text, node), _literal(getattr(task, node.attr), f"{owner.__name__}.{node.attr}")))
    text = apply(text, edits)
    module = Module.of(owner.__module__)
    header = [_import_line(module, each) for each in sorted(free_names(text)) if each != "torch"]
    return "\n".join(["import torch", *header, text])


def _import_line(module: Module, name: str) -> str:
    found = module.statements[name]
    if isinstance(found, Import):
        return f"from {found.module} import {found.name} as {name}" if found.name else f"import {found.module} as {name}"
    return f"from {module.name} import {name}"


def _literal(value: Any, name: str) -> str:
    if isinstance(value, Tensor) and value.dim() == 0:
        return f"torch.tensor({value.item()!r})"
    if value is None or isinstance(value, bool | int | float | str):
        return literal(value)
    raise UsageError(f"the task uses {name}, which is not a plain value that an exported script can contain")


def exported_metrics(task: Task) -> dict[str, str]:
    """Return the metrics of a task that a script can compute: name -> expression."""
    found: dict[str, str] = {}
    for name, metric in task.valid.metrics.items():
        kind = type(metric)
        expression = METRICS.get(f"{kind.__module__}.{kind.__qualname__}")
        if expression is not None:
            found[name] = expression.format(**_numbers(metric, task))
    return found


def _numbers(metric: Any, task: Any) -> dict[str, float]:
    """Return the settings of a metric that an expression may contain."""
    found = {name: getattr(metric, name, None) for name in ("scale", "min_specificity")} | {"peak": getattr(task, "peak", None)}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def metrics(task: Task) -> str:
    """Return the function `metrics` of a script."""
    found = exported_metrics(task)
    own = inspect.getsource(type(task).evaluate)
    targets = "split[0]" if "(batch[0], batch[0])" in own else "split[1]"
    lines = ["import math", "import torch", "from torch import Tensor", "from descentlab.data.loading.loader import Batch"]
    functions = {each.partition("(")[0] for each in found.values()}
    lines += [f"from {TEMPLATE}.metrics import {each}" for each in sorted(functions) if each.isidentifier()]
    lines.append("def metrics(mean: float, outputs: list[Tensor], split: Batch) -> dict[str, float]:")
    lines.append('    """Return the metrics of a split by name, given its mean loss and the outputs of its batches."""')
    if needs_outputs(task):
        lines.append(f"    found, targets = torch.cat(outputs).float(), {targets}")
    return "\n".join([*lines, "    return {" + ", ".join(f'"{name}": {each}' for name, each in found.items()) + "}"])


def needs_outputs(task: Task) -> bool:
    """Return True if a metric of a task is computed from outputs, rather than from the mean loss."""
    return any("found" in expression for expression in exported_metrics(task).values())


def optimizers(config: Mapping[str, Any], plain: bool) -> str:
    """Return the function `make_optimizers` of a script."""
    lines = ["import torch", "from torch.optim import Optimizer", f"from {TEMPLATE}.optimizers import described"]
    lines += ["from descentlab.optim.groups import GroupEntry, assign"]
    lines += [f"from {TEMPLATE}.settings import DECAY_TO, GROUPS, LR_DECAY"]
    body = ["def make_optimizers(model: nn.Module) -> list[Optimizer]:"]
    body.append('    """Return the optimizers; they are stepped in this order."""')
    if not plain:
        body.append("    groups = assign(model, [GroupEntry(**entry) for entry in GROUPS], DECAY_TO, LR_DECAY)")
    names = [name for name in ("optimizer", "auxiliary") if config[name] is not None and not (plain and name == "auxiliary")]
    for name in names:
        lr = literal(config[name].get("lr"))
        parameters = "model.parameters()" if plain else f'described(groups, "{name}", lr={lr})'
        headers, expression = optimizer(config[name], name, parameters)
        lines += headers
        body.append(f"    {name} = {expression}")
    return "\n".join([*lines, *body, f"    return [{', '.join(names)}]"])


def optimizer(node: Mapping[str, Any], group: str, parameters: str) -> tuple[list[str], str]:
    """Return the import lines and the constructor call of an optimizer of torch or of descentlab.optim.scratch.

    Raises:
        UsageError: it is neither.
    """
    name = node["_target_"].rpartition(".")[2]
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}
    given = arguments(settings, group)
    if node["_target_"].startswith("torch.optim."):
        return [], call(f"torch.optim.{name}", given, parameters, before=f"{group} = ")
    kind: type[RuleOptimizer] | None = getattr(scratch, name, None) if "descentlab.optim.scratch" in node["_target_"] else None
    if kind is None:
        raise UsageError(f"{group}={node['_target_']}: a script can contain the optimizers of torch and of scratch/ only")
    rule = kind.rule.update.__module__
    stem, evaluates = rule.rpartition(".")[2], kind.rule.evaluate is not None
    names = {"init": "init", "update": "update", **({"evaluation": "evaluate"} if evaluates else {})}
    headers = [f"from {rule} import {function} as {stem}_{function}" for function in names.values()]
    base = "EvaluatingOptimizer" if evaluates else "RuleOptimizer"
    headers.append(f"from {TEMPLATE}.optimizers import {base}")
    return headers, call(
        base, {key: f"{stem}_{function}" for key, function in names.items()} | given, parameters, before=f"{group} = "
    )


def schedule(node: Mapping[str, Any], name: str) -> str:
    """Return the assignment of a schedule to a constant of the script."""
    kind = node["_target_"].rpartition(".")[2]
    value = call(kind, arguments(node, name.lower()), indent=0, before=f"{name} = ")
    return f"from descentlab.optim.schedules import {kind}\n{name} = {value}"


def augmentation(task: Task) -> str:
    """Return the assignment of the transform of training batches, if the data have one."""
    found: Any = getattr(task.data, "augment", None)
    if found is None:
        return ""
    kind = type(found)
    given = {name: literal(value) for name, value in vars(found).items()}
    return f"from {kind.__module__} import {kind.__name__}\nAUGMENT = {call(kind.__name__, given, indent=0)}"
