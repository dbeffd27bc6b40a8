"""Collection of the definitions that a script needs, from the source of the package, with all that they use."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from descentlab.errors import UsageError
from descentlab.export.fold import folded
from descentlab.export.modules import Import, Module, free_names
from descentlab.export.rewrite import renamed, shortened_docstrings, simplified_annotations

SETTINGS, RUN_PARTS = "descentlab.export.template.settings", "descentlab.export.template.run_parts"
ERRORS = "descentlab.errors", "descentlab.data.fetch.sources"  # their exceptions become ValueError
RULES, RULE_FUNCTIONS = "descentlab.rules.", ("init", "update", "evaluate")
LIBRARIES = {"torch", *sys.stdlib_module_names}

Key = tuple[str, str]  # module, name


@dataclass
class Definition:
    """A definition of the script.

    Args:
        key: the module and the name that it has there.
        name: its name in the script.
        text: its source.
        section: the title of the script's section that contains it.
        names: what it defines, in the script.
        imports: the names in it that other libraries provide.
    """

    key: Key
    names: tuple[str, ...]
    text: str
    section: str
    imports: dict[str, Import] = field(default_factory=dict)


class Collector:
    """Collects definitions in an order in which each follows those that it uses.

    Args:
        constants: the constants of the script, by which conditions are evaluated. An object that the script constructs is
            in `run_parts`; here it is any value other than None.
        run_parts: the source of the functions and objects of this run, in the place of the module RUN_PARTS.
    """

    def __init__(self, constants: Mapping[str, Any], run_parts: str) -> None:
        self.constants = constants
        self.modules = {RUN_PARTS: Module(RUN_PARTS, run_parts)}
        self.definitions: list[Definition] = []
        self.names: dict[Key, str] = {}  # names in the script

    def add(self, module: str, name: str, section: str) -> str:
        """Add a definition of a module of descentlab, and all that it uses; return its name in the script.

        Raises:
            UsageError: it uses a library other than torch.
        """
        key = (module, name)
        if module in ERRORS and name.endswith("Error"):
            return "ValueError"
        if module == SETTINGS:
            if isinstance(self._module(RUN_PARTS).statements.get(name, Import("")), Import):
                return name
            key = (RUN_PARTS, name)
        if key not in self.names:
            statement = self._module(key[0]).statements.get(name)
            if isinstance(statement, Import):
                assert statement.name is not None
                return self.add(statement.module, statement.name, section)
            statements = self._module(key[0]).statements
            together = [other for other, node in statements.items() if node is statement]  # A, B = 1, 2
            self.names |= {(key[0], other): self._new_name((key[0], other)) for other in together}
            self.definitions.append(self._definition(key, together, section))
        return self.names[key]

    def _module(self, name: str) -> Module:
        if name not in self.modules:
            self.modules[name] = Module.of(name)
        return self.modules[name]

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of a module."""
        return self._module(name).summary

    def _new_name(self, key: Key) -> str:
        module, name = key
        is_rule = module.startswith(RULES) and name in RULE_FUNCTIONS
        taken = is_rule or name in {*self.names.values(), *self.constants}
        return f"{module.rpartition('.')[2]}_{name}" if taken and module != RUN_PARTS else name

    def _definition(self, key: Key, together: Sequence[str], section: str) -> Definition:
        """Return the definition of `key`, after those that it uses have been added; it also defines the names in `together`."""
        module = self._module(key[0])
        text = simplified_annotations(shortened_docstrings(module.text(key[1])), module.aliases)
        text = folded(text, self.constants)
        new_names, imports = {name: self.names[key[0], name] for name in together}, {}
        for name in sorted(free_names(text) - set(together)):
            match module.statements.get(name):
                case None:
                    text = simplified_annotations(text, {name: "Any"})  # imported for the type checker only
                    imports["Any"] = Import("typing", "Any")
                case Import() as found if found.package != "descentlab":
                    imports[name] = self._from_library(found, key)
                case Import(parent, child) if child is not None and _is_module(f"{parent}.{child}"):
                    for attribute in _attributes(text, name):
                        new_names[f"{name}.{attribute}"] = self.add(f"{parent}.{child}", attribute, section)
                case Import(parent, child) if child is not None:
                    new_names[name] = self.add(parent, child, section)
                case _:
                    new_names[name] = self.add(module.name, name, section)
        changed = {old: new for old, new in new_names.items() if old != new}
        names = tuple(self.names[key[0], name] for name in together)
        return Definition(key, names, renamed(text, changed) if changed else text, section, imports)

    def _from_library(self, found: Import, key: Key) -> Import:
        if found.package not in LIBRARIES:
            raise UsageError(f"{key[0]}.{key[1]} uses {found.package}, and an exported script can import torch only")
        return found


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent is a module, not a package
        return False


def _attributes(text: str, name: str) -> Iterator[str]:
    """Yield the attributes of the variable `name` that `text` reads."""
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute))
    yield from dict.fromkeys(node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id == name)
