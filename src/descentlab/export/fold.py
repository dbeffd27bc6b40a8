"""Evaluation of the conditions in source that depend on constants only: the branch that applies replaces the statement."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from descentlab.export.rewrite import Edit, apply, first_line, lines_span, source_of, span

UNKNOWN = object()


def folded(text: str, constants: Mapping[str, Any]) -> str:
    """Return `text` without the branches that `constants` exclude, and without statements that cannot be reached."""
    while (edit := next(_edits(text, constants), None)) is not None:
        text = apply(text, [edit])
    return text


def value(node: ast.expr, constants: Mapping[str, Any]) -> Any:
    """Return the value of an expression of literals, constants, comparisons and logical operators, or UNKNOWN."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return constants.get(node.id, UNKNOWN)
        case ast.UnaryOp(ast.Not(), operand):
            found = value(operand, constants)
            return UNKNOWN if found is UNKNOWN else not found
        case ast.BoolOp():
            return _combined([value(each, constants) for each in node.values], isinstance(node.op, ast.Or))
        case ast.Compare(left, [operator], [right]):
            return _compared(value(left, constants), operator, value(right, constants))
        case _:
            return UNKNOWN


def _combined(values: Sequence[Any], decisive: bool) -> Any:
    """Return the value of `or` (decisive True) or `and` (decisive False) of values, some of which may be UNKNOWN."""
    if any(each is not UNKNOWN and bool(each) == decisive for each in values):
        return decisive
    return UNKNOWN if any(each is UNKNOWN for each in values) else not decisive


def _compared(left: Any, operator: ast.cmpop, right: Any) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    results = {ast.Eq: left == right, ast.NotEq: left != right, ast.Is: left is right, ast.IsNot: left is not right}
    return results.get(type(operator), UNKNOWN)


def _edits(text: str, constants: Mapping[str, Any]) -> Iterator[Edit]:
    """Yield edits that each simplify one node of `text`."""
    tree = ast.parse(text)
    inner = {id(node.orelse[0]) for node in ast.walk(tree) if isinstance(node, ast.If) and len(node.orelse) == 1}
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp):
            decided = value(node.test, constants)
            if decided is UNKNOWN:
                yield from _without_decided_operands(text, node.test, constants)
            elif isinstance(node, ast.IfExp):
                yield *span(text, node), source_of(text, node.body if decided else node.orelse)
            elif id(node) not in inner:
                yield _chosen_branch(text, node, node.body if decided else node.orelse)
        yield from _unreachable(text, node)


def _without_decided_operands(text: str, test: ast.expr, constants: Mapping[str, Any]) -> Iterator[Edit]:
    """Yield the edit that removes operands of `and` and `or` that cannot decide."""
    if isinstance(test, ast.BoolOp):
        unknown = [each for each in test.values if value(each, constants) is UNKNOWN]
        enclose = "({})" if len(unknown) > 1 else "{}"
        left = [enclose.format(source_of(text, each)) for each in unknown]
        if len(left) < len(test.values):
            yield *span(text, test), (" and " if isinstance(test.op, ast.And) else " or ").join(left)


def _chosen_branch(text: str, node: ast.If, branch: list[ast.stmt]) -> Edit:
    """Return the edit that replaces an if-statement by the statements of one of its branches, which may be empty."""
    begin, end = lines_span(text, node.lineno, node.end_lineno or node.lineno)
    if not branch:
        return begin, end, ""
    first = (node.test.end_lineno or 0) + 1 if branch is node.body else first_line(branch[0])
    start, stop = lines_span(text, first, branch[-1].end_lineno or 0)
    block = text.encode()[start:stop].decode()
    return begin, end, textwrap.indent(textwrap.dedent(block), " " * node.col_offset)


def _unreachable(text: str, node: ast.AST) -> Iterator[Edit]:
    """Yield the edit that removes statements after a return or raise in the same block."""
    found = getattr(node, "body", None)
    body: list[Any] = found if isinstance(found, list) else []
    for place, statement in enumerate(body[:-1]):
        if isinstance(statement, ast.Return | ast.Raise):
            yield *lines_span(text, first_line(body[place + 1]), body[-1].end_lineno), ""
            return
