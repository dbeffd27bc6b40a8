"""Ranges read from a class's source equal those of the imported class, and hold for a config without any other edit."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
import yaml
from annotated_types import Len
from conftest import ROOT, compose_config
from hydra.utils import get_object

from descentlab.config import signatures
from descentlab.config.hints import constraint
from descentlab.config.ranges import out_of_range
from descentlab.config.types import Count, DataCount, Fraction, KeywordsOf, Name, Positive

GROUPS = ("data", "model", "task", "schedule", "baseline")


def targets_in(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if isinstance(target, str) and target.startswith("descentlab."):
            yield target
        for value in node.values():
            yield from targets_in(value)


FILES = [file for group in GROUPS for file in (ROOT / "conf" / group).rglob("*.yaml")]
TARGETS = sorted({target for file in FILES for target in targets_in(yaml.safe_load(file.read_text()))})


def hints_of(imported: Any) -> dict[str, Any]:
    """Return the type hints of the keywords of an imported class or function, following `**keywords` like `signatures`."""
    if is_dataclass(imported):
        return get_type_hints(imported, include_extras=True)
    owner = get_class_with_init(imported) if inspect.isclass(imported) else None
    function = imported if owner is None else owner.__init__
    hints = get_type_hints(function, include_extras=True)
    keywords = next((p.name for p in inspect.signature(function).parameters.values() if p.kind is p.VAR_KEYWORD), None)
    if keywords is None:
        return hints
    passed = hints.pop(keywords)
    other = next((each.target for each in get_args(passed) if isinstance(each, KeywordsOf)), None)
    if other is not None:
        return hints_of(other) | hints
    if passed is not Any:  # Unpack[a TypedDict]
        return get_type_hints(get_args(passed)[0], include_extras=True) | hints
    base = next(each for each in owner.__mro__[1:] if "__init__" in vars(each))
    return hints_of(base) | hints


def get_class_with_init(imported: type) -> type:
    return next(each for each in imported.__mro__ if "__init__" in vars(each))


def constraints(hints: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: constraint(hint) for key, hint in hints.items() if key not in ("return", "self")}
    return {key: allowed for key, allowed in found.items() if allowed is not None}


@pytest.mark.parametrize("target", TARGETS)
def test_ranges_from_source_equal_those_of_the_imported_class(target):
    assert dict(signatures.ranges(target)) == constraints(hints_of(get_object(target)))


def test_ranges_are_read_without_importing_torch():
    program = (
        "import sys; from descentlab.config.signatures import ranges; "
        f"assert sum(len(ranges(target)) for target in {TARGETS}) > 150; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


NEWCOMER = """
import torch
from torch import nn
from newcomer.parts import Base, Shape
from descentlab.config.types import Count, Fraction


class Net(Base):
    def __init__(self, width: Count, shape: Shape, weight: torch.Tensor, keep: Fraction = 0.5, **base: object) -> None:
        super().__init__(**base)
"""
PARTS = """
from dataclasses import dataclass
from typing import Literal
from torch import nn

Shape = Literal["round", "square"]


class Base(nn.Module):
    def __init__(self, deep: bool = False) -> None:
        super().__init__()
"""


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """A package with a model in a file of its own, whose class has a base and a type in another file."""
    package = tmp_path / "newcomer"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('reading a signature imports nothing')")
    (package / "net.py").write_text(NEWCOMER)
    (package / "parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(signatures, "OWN", (*signatures.OWN, "newcomer"))
    yield "newcomer.net.Net"
    signatures.ranges.cache_clear()
    signatures.parse.cache_clear()


def test_keys_of_a_new_model_are_checked_without_another_edit(newcomer, monkeypatch):
    monkeypatch.setattr("descentlab.config.ranges.LIBRARIES", ("newcomer.",))
    assert {key: str(allowed) for key, allowed in signatures.ranges(newcomer).items()} == {
        "deep": "one of true, false",
        "width": "a whole number in [1, inf)",
        "shape": "one of round, square",
        "keep": "a number in [0, 1)",
    }
    model = {"_target_": newcomer, "width": 0, "shape": "rond", "weight": 3, "keep": 0.5, "deep": 1}
    assert sorted(out_of_range({"model": model})) == [
        "model.deep=1 is not allowed: model.deep is one of true, false",
        "model.shape=rond is not allowed: model.shape is one of round, square; did you mean round?",
        "model.width=0 is not allowed: model.width is a whole number in [1, inf)",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.dropout=1.5"], "model.dropout=1.5 is not allowed: model.dropout is a number in [0, 1)"),
        (
            ["model.activation=rleu"],
            "model.activation is one of relu, leaky_relu, tanh, sigmoid, gelu, silu, identity; did you mean relu?",
        ),
        (["schedule@momentum_schedule=linear", "momentum_schedule.warmup=-1"], "momentum_schedule.warmup is a number in ["),
        (
            ["problem=mslr_sample_ranker", "task=approx_ndcg", "task.surrogate.alpha=0"],
            "task.surrogate.alpha is a number in",
        ),
        (["data.limit=0"], "data.limit is a whole number in [1, inf) or null"),
        (["problem=diabetes_linear", "baseline=ridge", "baseline.weight_decay=-1"], "baseline.weight_decay is a number in [0,"),
    ],
)
def test_a_value_outside_the_range_of_a_signature_is_refused(words, message):
    (mistake,) = compose_config(*words)[2]
    assert message in mistake


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Count | None, "a whole number in [1, inf) or null"),
        (DataCount, "a whole number in [1, inf) or null"),
        (Positive | Literal["balanced"], "a number in (0, inf), or balanced"),
        (Annotated[Sequence[Fraction], Len(2, 2)] | None, "a list of 2 values, each a number in [0, 1), or null"),
        (Sequence[Count], "a list of any number of values, each a whole number in [1, inf)"),
        (Literal[None, ".", ","], "one of null, ., ,"),
        (Name | None, "a string or null"),
        (bool, "one of true, false"),
    ],
)
def test_constraint_of_a_type_hint(hint, text):
    assert str(constraint(hint)) == text


@pytest.mark.parametrize("hint", [int, str, float | None, Sequence[int], Any, Count | str])
def test_a_hint_without_a_range_gives_no_constraint(hint):
    assert constraint(hint) is None
    assert get_origin(hint) is not Annotated
