"""Formulas of the keys of a run's config, such as optimizer.lr / 2."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from descentlab.errors import UsageError

OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
FUNCTIONS: Mapping[str, Callable[[float], float]] = {"sqrt": math.sqrt, "log": math.log, "log2": math.log2, "exp": math.exp}


def evaluate(formula: str, config: Mapping[str, Any]) -> float:
    """Return the value of a formula.

    Args:
        formula: numbers, dotted keys of the config (optimizer.lr, optimizer.betas[0]), + - * / **, sqrt, log, log2, exp.
        config: the resolved config of a run.

    Raises:
        UsageError: the formula has another form, or names a key that is not a number.
    """
    try:
        return _value(ast.parse(formula, mode="eval").body, config, formula)
    except SyntaxError as error:
        raise UsageError(f"formula {formula}: {error.msg}") from error


def _value(node: ast.AST, config: Mapping[str, Any], formula: str) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left, config, formula), _value(right, config, formula))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(operand, config, formula))
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(argument, config, formula))
        case ast.Name() | ast.Attribute() | ast.Subscript():
            found = _look_up(node, config)
            if isinstance(found, int | float):
                return float(found)
    raise UsageError(
        f"formula {formula}: {ast.unparse(node)} is not a number, a key of the config with a number, or + - * / **"
    )


def _look_up(node: ast.AST, config: Any) -> Any:
    """Return the value of a dotted key; None if the config does not have it."""
    match node:
        case ast.Name(id=name):
            return config.get(name)
        case ast.Attribute(value=value, attr=name):
            found = _look_up(value, config)
            return found.get(name) if isinstance(found, Mapping) else None
        case ast.Subscript(value=value, slice=ast.Constant(value=int() as place)):
            found = _look_up(value, config)
            return found[place] if isinstance(found, list | tuple) and place < len(found) else None
    return None
