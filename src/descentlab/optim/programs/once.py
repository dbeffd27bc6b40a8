"""Numbers of a run that a compiled step computes once, instead of in every iteration of the loops over elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch.fx import GraphModule, Node

EXPENSIVE = {"pow", "sqrt", "rsqrt", "exp", "log", "div", "reciprocal", "sin", "cos", "tanh"}  # operations
VIEWS = {"view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "expand", "select", "alias", "detach", "permute", "t"}


def compute_once(graph: GraphModule, runs: int | None) -> int:
    """Add to the outputs of `graph` the numbers of a run with which tensors are combined, and return how many they are.

    The compiler stores each output in memory. Other numbers it computes inside the loop over the elements of a tensor that uses
    them, once in every iteration: the two powers in the bias correction of Adam took a quarter of the step of a small network.

    Args:
        graph: traced with fake tensors, whose shapes it reads. Changed in place; callers ignore the additional outputs.
        runs: the number of stacked runs; None: a single run.
    """
    expensive: set[Node] = set()  # numbers that an expensive operation leads to
    found: dict[Node, None] = {}
    for node in graph.graph.nodes:
        if node.op != "call_function":
            continue
        if _size(node) <= (runs or 1):
            if _operation(node) in EXPENSIVE or expensive.intersection(node.all_input_nodes):
                expensive.add(node)
        elif _operation(node) not in VIEWS:
            found |= dict.fromkeys(source for source in map(_source, node.all_input_nodes) if source in expensive)
    output = graph.graph.output_node()
    outputs = output.args[0]
    assert isinstance(outputs, Sequence)
    output.update_arg(0, [*outputs, *found])
    graph.recompile()
    return len(found)


def _source(node: Node) -> Node:
    """Return the node of which `node` is a view, perhaps expanded to the shape of a tensor."""
    while _operation(node) in VIEWS:
        node = node.all_input_nodes[0]
    return node


def _operation(node: Node) -> str:
    """Return the name of the operation of a node without its overload, such as add."""
    return getattr(node.target, "__name__", "").partition(".")[0] if node.op == "call_function" else ""


def _size(node: Node) -> float:
    """Return the number of elements of a node; infinite if it is not one tensor."""
    value = node.meta.get("val")
    return value.numel() if isinstance(value, Tensor) else math.inf
