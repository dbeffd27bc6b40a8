"""The top-level statements of a module's source by name, and the names that a statement takes from its module."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import symtable
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from descentlab.export.rewrite import annotations_in, first_line, lines_span


@dataclass(frozen=True)
class Import:
    """An imported name: `name` of `module`, or the module itself if `name` is None."""

    module: str
    name: str | None = None

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.module.split(".")[0]


@dataclass(frozen=True)
class Module:
    """The source of a module.

    Args:
        name: its full name.
        source: its text; of a module of descentlab, that of its file.
    """

    name: str
    source: str

    @classmethod
    def of(cls, name: str) -> Module:
        """Return the module of that name, which is imported."""
        return cls(name, inspect.getsource(importlib.import_module(name)))

    @cached_property
    def statements(self) -> dict[str, ast.stmt | Import]:
        """The definitions, assignments and imports at the top level, by name."""
        found: dict[str, ast.stmt | Import] = {}
        for node in ast.parse(self.source).body:
            found |= dict(_named(node))
        return found

    @cached_property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (ast.get_docstring(ast.parse(self.source)) or "").split("\n")[0]

    def text(self, name: str) -> str:
        """Return the source of a statement, whole lines."""
        node: Any = self.statements[name]
        start, end = lines_span(self.source, first_line(node), node.end_lineno)
        return self.source.encode()[start:end].decode().rstrip() + "\n"

    def value(self, name: str) -> Any:
        """Return the object of that name in the imported module, or None."""
        return getattr(importlib.import_module(self.name), name, None) if importlib.util.find_spec(self.name) else None

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Names of the types that stand for a plain one with a range or with choices -> name of the plain one."""
        return {name: plain for name in self.statements if (plain := _plain_type(self, name)) is not None}


def _named(node: ast.stmt) -> Iterator[tuple[str, ast.stmt | Import]]:
    """Yield the names that a top-level statement binds."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name, node
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from ((each.id, node) for each in ast.walk(target) if isinstance(each, ast.Name))
    elif isinstance(node, ast.Import):
        yield from ((alias.asname or alias.name, Import(alias.name)) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from ((alias.asname or alias.name, Import(node.module, alias.name)) for alias in node.names)


def _plain_type(module: Module, name: str) -> str | None:
    """Return int, float or str for an Annotated type or a Literal of descentlab; None for any other name."""
    statement = module.statements[name]
    if isinstance(statement, Import) and statement.package != "descentlab":
        return None
    value = module.value(name)
    if typing.get_origin(value) is typing.Literal:
        return type(typing.get_args(value)[0]).__name__
    return getattr(value.__origin__, "__name__", None) if typing.get_origin(value) is typing.Annotated else None


def free_names(text: str) -> set[str]:
    """Return the names that a top-level statement uses and does not bind itself, without builtins."""
    table = symtable.symtable(text, "script", "exec")
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    tables = list(table.get_children())
    while tables:
        inner = tables.pop()
        tables += inner.get_children()
        names |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    for annotation in annotations_in(ast.parse(text)):
        names |= {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    return names - set(vars(builtins))
