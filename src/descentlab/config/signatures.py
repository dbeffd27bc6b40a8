"""The ranges of a class's or function's own keys, read from its source, so that the parent process does not import torch.

Aliases, re-exports, inheritance, dataclass fields, `**keywords: Unpack[SomeTypedDict]` and `Annotated[Any, KeywordsOf(Class)]`
are followed within the package of the target. Files are found below the root package, since `find_spec` of a submodule would
import its parents.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from descentlab.config.constraints import Constraint
from descentlab.config.hints import constraint

OWN = ("descentlab",)  # root packages whose classes are read
IMPORTED = ("typing", "collections.abc", "annotated_types", "descentlab.config.types")  # modules of types, without torch
Definition: TypeAlias = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed source file: `imports` maps a name to the module and the name there; the other maps are of the top level."""

    imports: Mapping[str, tuple[str, str]]
    definitions: Mapping[str, Definition]
    assigned: Mapping[str, ast.expr]

    def __getitem__(self, name: str) -> Any:
        """Return the type that `name` refers to. Raises KeyError if it is neither an alias nor from a module in IMPORTED."""
        if name in self.assigned:
            return evaluate(self, self.assigned[name])
        module, original = self.imports[name]
        if module in IMPORTED:
            return getattr(import_module(module), original)
        found = parse(module)
        if found is None:
            raise KeyError(name)
        return found[original]


@cache
def ranges(target: str) -> Mapping[str, Constraint]:
    """Return the constraint of each constrained key of `target`, the dotted name of a class or function of ours."""
    if target.partition(".")[0] not in OWN:
        return {}
    constraints = {key: constraint(hint) for key, hint in hints(target).items()}
    return {key: found for key, found in constraints.items() if found is not None}


def hints(target: str) -> dict[str, Any]:
    """Return the type hint of each keyword of `target`, without those that need a module outside IMPORTED."""
    found = _find(*_split(target))
    return {} if found is None else dict(_hints(*found))


@cache
def parse(name: str) -> Module | None:
    """Return the module called `name`; None if it is not a source file of a package in OWN."""
    root, *parts = name.split(".")
    spec = find_spec(root) if root in OWN else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*parts)
    file = next((each for each in (path / "__init__.py", path.with_suffix(".py")) if each.is_file()), None)
    if file is None:
        return None
    body = ast.parse(file.read_text(encoding="utf-8")).body
    imports = [node for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.ImportFrom) and node.module]
    return Module(
        {alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names},
        {node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)},
        {
            each.id: node.value
            for node in body
            if isinstance(node, ast.Assign)
            for each in node.targets
            if isinstance(each, ast.Name)
        },
    )


def evaluate(module: Module, annotation: ast.expr) -> Any:
    """Return the type that `annotation` expresses in `module`. Raises NameError if it needs a module outside IMPORTED."""
    code = compile(ast.Expression(annotation), "<annotation>", "eval")
    names: Any = module  # `eval` only needs its __getitem__
    return eval(code, {"__builtins__": vars(builtins)}, names)


def _split(target: str) -> tuple[str, str]:
    module, _, name = target.rpartition(".")
    return module, name


def _find(module_name: str, name: str) -> tuple[Module, Definition] | None:
    """Return a definition and the module that contains it, following the imports of a package's __init__.py."""
    module = parse(module_name)
    if module is None:
        return None
    if name in module.definitions:
        return module, module.definitions[name]
    return _find(*module.imports[name]) if name in module.imports else None


def _find_from(module: Module, expression: ast.expr) -> tuple[Module, Definition] | None:
    """Return the definition that a name in `module` refers to; generic bases (Data[Splits]) without their arguments."""
    if isinstance(expression, ast.Subscript):
        return _find_from(module, expression.value)
    if not isinstance(expression, ast.Name):
        return None
    if expression.id in module.definitions:
        return module, module.definitions[expression.id]
    return _find(*module.imports[expression.id]) if expression.id in module.imports else None


def _hints(module: Module, definition: Definition) -> Iterator[tuple[str, Any]]:
    """Yield keyword and hint, those of a class's bases first."""
    if isinstance(definition, ast.FunctionDef):
        yield from _of_function(module, definition, None)
        return
    own = next((node for node in definition.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if own is not None:
        yield from _of_function(module, own, definition)
        return
    yield from _of_bases(module, definition)
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield from _hint(module, node.target.id, node.annotation)


def _of_bases(module: Module, definition: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for base in definition.bases:
        found = _find_from(module, base)
        if found is not None:
            yield from _hints(*found)


def _of_function(module: Module, function: ast.FunctionDef, owner: ast.ClassDef | None) -> Iterator[tuple[str, Any]]:
    keywords = function.args.kwarg
    if keywords is not None:
        passed_to = _passed_to(keywords.annotation)
        found = None if passed_to is None else _find_from(module, passed_to)
        if found is not None:
            yield from _hints(*found)
        elif owner is not None:
            yield from _of_bases(module, owner)
    for argument in (*function.args.args, *function.args.kwonlyargs):
        if argument.annotation is not None:
            yield from _hint(module, argument.arg, argument.annotation)


def _passed_to(annotation: ast.expr | None) -> ast.expr | None:
    """Return X of Unpack[X] and of Annotated[Any, KeywordsOf(X)]."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Unpack"), slice=inner):
            return inner
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Call(args=[inner])])):
            return inner
    return None


def _hint(module: Module, name: str, annotation: ast.expr) -> Iterator[tuple[str, Any]]:
    try:
        yield name, evaluate(module, annotation)
    except (NameError, KeyError, TypeError, AttributeError):  # a class of torch, or of a module that imports it
        yield name, None
