"""Edits of source, packed tensors and seeds of exported scripts."""

from __future__ import annotations

import pytest
import torch

from descentlab.data.loading import loader
from descentlab.data.loading.windows import windows
from descentlab.export.fold import folded
from descentlab.export.literals import literal
from descentlab.export.modules import free_names
from descentlab.export.packing import packed
from descentlab.export.rewrite import renamed, shortened_docstrings, simplified_annotations
from descentlab.export.template.batches import seed_of
from descentlab.export.template.packed_data import unpacked


@pytest.mark.parametrize("seeds", [(0, 0), (3, 17), (2**32 - 1, 2**32), (2**64 + 5, 1, 1), (1, 2, 3, 4, 5, 6), (0,)])
def test_seed_equals_that_of_the_loader(seeds):
    assert seed_of(*seeds) == loader.seed_of(*seeds)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if A:\n    x = 1\nelse:\n    x = 2\n", "x = 1\n"),
        ("if not A:\n    x = 1\ny = 2\n", "y = 2\n"),
        ("if A and f(x):\n    x = 1\n", "if f(x):\n    x = 1\n"),
        ("if A and (b or c) and d:\n    x = 1\n", "if (b or c) and (d):\n    x = 1\n"),
        ("x = 1 if B is None else 2\n", "x = 1\n"),
        ("def f():\n    # kept\n    if A:\n        return 1\n    return 2\n", "def f():\n    # kept\n    return 1\n"),
        ("if x:\n    y = 1\nelif A:\n    y = 2\n", "if x:\n    y = 1\nelif A:\n    y = 2\n"),
    ],
)
def test_conditions_on_constants_are_replaced_by_their_branch(source, expected):
    assert folded(source, {"A": True, "B": None}) == expected


def test_docstring_loses_its_sections_and_keeps_its_text():
    source = 'def f(x):\n    """Return x.\n\n    More.\n\n    Args:\n        x: a number.\n    """\n'
    assert shortened_docstrings(source) == 'def f(x):\n    """Return x.\n\n    More.\n    """\n'


def test_annotations_become_plain_types():
    source = "def f(x: Count, y: Sequence[Count] | None = None) -> Annotated[float, Gt(0)]: ...\n"
    expected = "def f(x: int, y: Sequence[int] | None=None) -> float: ...\n".replace("None=None", "None = None")
    assert simplified_annotations(source, {"Count": "int"}) == expected


def test_renaming_covers_definitions_uses_and_attributes_of_modules():
    source = "def init(x):\n    return other.init(x) + ema(x, init)\n"
    expected = "def adam_init(x):\n    return other_init(x) + ema(x, adam_init)\n"
    assert renamed(source, {"init": "adam_init", "other.init": "other_init"}) == expected


def test_free_names_are_those_of_the_module():
    source = "def f(x: Batch) -> int:\n    y = g(x)\n    return sum(z for z in y) + LIMIT\n"
    assert free_names(source) == {"Batch", "g", "LIMIT"}


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(40, 3),
        torch.randint(0, 17, (30, 1, 8, 8)) / 16,
        torch.arange(5),
        torch.arange(6.0).reshape(2, 3).T,
        *windows(torch.randint(0, 65, (200,)), 10, 3),
    ],
)
def test_unpacked_tensor_equals_the_packed_one(tensor):
    found = unpacked(packed(tensor))
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)


def test_few_distinct_numbers_take_a_byte_each():
    stored = packed(torch.randint(0, 17, (1000, 64)) / 16)
    assert stored["indices"].nbytes == 64_000
    assert len(stored["numbers"]) == 17


def test_literals_use_double_quotes():
    assert literal([{"match": "a|b"}, (1, None), True]) == '[{"match": "a|b"}, (1, None), True]'
