"""Edits of Python source that keep its formatting and comments: replace the text of some nodes of its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SECTIONS = re.compile(r"\n\s*\n\s*(Args|Raises|Attributes|Returns):.*", re.DOTALL)
PRAGMA = re.compile(r"[ ]*# (pyright|noqa).*$", re.MULTILINE)

Edit = tuple[int, int, str]  # start and end, in bytes, and the replacement


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` after `edits`. An edit inside the range of another is dropped."""
    content, end = text.encode(), -1
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if edit[0] >= end:
            kept.append(edit)
            end = edit[1]
    for start, stop, replacement in reversed(kept):
        content = content[:start] + replacement.encode() + content[stop:]
    return content.decode()


def span(text: str, node: Any) -> tuple[int, int]:
    """Return start and end, in bytes, of a node of the syntax tree of `text`."""
    starts = _line_starts(text)
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def lines_span(text: str, first: int, last: int) -> tuple[int, int]:
    """Return start and end, in bytes, of whole lines; lines are counted from 1, and `last` is included."""
    starts = [*_line_starts(text), len(text.encode())]
    return starts[first - 1], starts[last]


def source_of(text: str, node: Any) -> str:
    """Return the text of a node."""
    start, end = span(text, node)
    return text.encode()[start:end].decode()


def first_line(node: Any) -> int:
    """Return the first line of a statement, that of its first decorator if it has any."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def shortened_docstrings(text: str) -> str:
    """Return `text` with docstrings without their sections, such as Args, and without comments for tools."""
    edits: list[Edit] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (found := docstring(node)) is not None:
            original = source_of(text, found)
            kept = SECTIONS.sub("", original.removesuffix('"""')).rstrip()
            ending = "\n" + " " * found.col_offset + '"""' if "\n" in kept else '"""'
            edits.append((*span(text, found), kept + ending))
    return PRAGMA.sub("", apply(text, edits))


def docstring(node: ast.ClassDef | ast.FunctionDef) -> ast.Constant | None:
    """Return the docstring of a definition, if it has one."""
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value
    return None


def simplified_annotations(text: str, aliases: Mapping[str, str]) -> str:
    """Return `text` with annotations in which names in `aliases` are replaced, and Annotated[X, ...] by X."""
    edits: list[Edit] = []
    for node in annotations_in(ast.parse(text)):
        before = ast.unparse(node)
        after = ast.unparse(_Simplify(aliases).visit(ast.parse(before, mode="eval")).body)
        if after != before:
            edits.append((*span(text, node), after))
    return apply(text, edits)


def annotations_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the annotations in a syntax tree."""
    for node in ast.walk(tree):
        found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        yield from (each for each in found if isinstance(each, ast.expr))


class _Simplify(ast.NodeTransformer):
    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.aliases.get(node.id, node.id), ast.Load())

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self.visit(node.slice.elts[0])
        return self.generic_visit(node)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return `text`, a top-level statement, with other names: of what it defines, and of what it uses.

    A key with a dot, `module.name`, stands for an attribute of a module.
    """
    edits: list[Edit] = []
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (new := names.get(ast.unparse(node))) is not None:
            edits.append((*span(text, node), new))
    statement = tree.body[0]
    if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.name in names:
        header = text.encode().index(f" {statement.name}".encode(), span(text, statement)[0]) + 1
        edits.append((header, header + len(statement.name.encode()), names[statement.name]))
    return apply(text, edits)


def _line_starts(text: str) -> list[int]:
    starts, total = [], 0
    for line in text.splitlines(keepends=True):
        starts.append(total)
        total += len(line.encode())
    return starts
