"""docs/architecture.md shows the package as it is."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from itertools import pairwise

import pytest
from support.pages import ROOT, blocks, prose


@pytest.fixture(scope="module")
def architecture():
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "scripts" / "architecture.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["architecture"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["architecture"]


def test_tree_equals_the_code(architecture):
    assert architecture.PAGE.read_text() == architecture.updated_page(), "run: python scripts/architecture.py --write"


def test_every_module_has_a_docstring(architecture):
    modules = [path for folder in architecture.folders() for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) > 150
    assert not [str(path) for path in modules if not architecture.purpose(path)]


def test_every_folder_and_config_group_has_a_description(architecture):
    folders = [folder.relative_to(architecture.PACKAGE).as_posix() for folder in architecture.folders()]
    assert not [name for name in folders if not architecture.folder_purpose(name)]
    assert not [name for name in architecture.config_groups() if name not in architecture.GROUPS]


def test_diagrams_and_tables_name_files_that_exist(architecture):
    text = prose(architecture.PAGE).partition(architecture.BEGIN)[0]
    drawn = " ".join(block.text for block in blocks(architecture.PAGE) if block.language == "mermaid")
    named = {*re.findall(r"`([\w/]+\.py)`", text), *re.findall(r"(?<![\w*/])[\w/]+\.py\b", drawn)}
    assert len(named) > 20
    assert not [name for name in named if not any((folder / name).exists() for folder in (ROOT, architecture.PACKAGE))]


def definitions(path):
    """Return the classes and functions of the module at `path`, methods as `Class.method`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def named_definitions(text):
    """Yield (files, names) of each row with a column of files and a column of names, and of each "`name` in `file`"."""
    quoted = re.compile(r"`([\w/.]+)`")
    for line in text.splitlines():
        cells = [quoted.findall(cell) for cell in line.split("|")]
        for files, names in pairwise(cells):
            if names and any(file.endswith(".py") for file in files) and not any(name.endswith(".py") for name in names):
                yield files, names
        for name, file in re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", line):
            yield [file], [name]


def test_classes_and_functions_are_where_the_page_locates_them(architecture):
    found = list(named_definitions(prose(architecture.PAGE).partition(architecture.BEGIN)[0]))
    assert len(found) > 20
    for files, names in found:
        defined = set().union(*(definitions(architecture.PACKAGE / file) for file in files))
        assert not [name for name in names if not any(own == name or own.endswith(f".{name}") for own in defined)], files
