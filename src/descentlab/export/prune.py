"""Removal of methods and definitions that nothing in a script uses."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Sequence

from descentlab.export.collect import RUN_PARTS, Definition
from descentlab.export.modules import free_names
from descentlab.export.rewrite import apply, first_line, lines_span

CHECKPOINTS = {"state_dict", "load_state_dict"}  # of schedules; a script does not resume


def pruned(definitions: Sequence[Definition], roots: set[str]) -> list[Definition]:
    """Return the definitions that `roots`, names of some of them, need, without methods that nothing calls."""
    kept = list(definitions)
    while True:
        before = [each.text for each in kept]
        used = _attributes_used(kept)
        for each in kept:
            each.text = _without_unused_methods(each, used)
        reached = _reached(kept, roots)
        kept = [each for each in kept if reached.intersection(each.names)]
        if [each.text for each in kept] == before:
            return kept


def _attributes_used(definitions: Sequence[Definition]) -> dict[str, set[tuple[str, str]]]:
    """Return the places, as definition and method, that read each attribute."""
    found: dict[str, set[tuple[str, str]]] = {}
    for definition in definitions:
        (statement,) = ast.parse(definition.text).body
        for part in statement.body if isinstance(statement, ast.ClassDef) else [statement]:
            for node in ast.walk(part):
                if isinstance(node, ast.Attribute):
                    found.setdefault(node.attr, set()).add((definition.names[0], getattr(part, "name", "")))
    return found


def _without_unused_methods(definition: Definition, used: dict[str, set[tuple[str, str]]]) -> str:
    """Return the text of a class without methods that no other code reads; methods that a library's base class has are kept."""
    (statement,) = ast.parse(definition.text).body
    if not isinstance(statement, ast.ClassDef) or definition.key[0] == RUN_PARTS:
        return definition.text
    kind = getattr(importlib.import_module(definition.key[0]), definition.key[1])
    inherited = {name for base in kind.__mro__ if not base.__module__.startswith("descentlab") for name in dir(base)}
    edits = []
    for method in statement.body:
        if isinstance(method, ast.FunctionDef) and method.name not in inherited and not method.name.startswith("__"):
            others = used.get(method.name, set()) - {(definition.names[0], method.name)}
            if not others or method.name in CHECKPOINTS:
                edits.append((*lines_span(definition.text, first_line(method), method.end_lineno or 0), ""))
    return re.sub(r"\n{3,}", "\n\n", apply(definition.text, edits)).rstrip() + "\n"


def _reached(definitions: Sequence[Definition], roots: set[str]) -> set[str]:
    """Return the names of the definitions that `roots` use, directly or not, and of the roots."""
    texts = {name: each.text for each in definitions for name in each.names}
    found, pending = set(), [name for name in texts if name in roots]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for other in free_names(texts[name]) if other in texts]
    return found
