"""Products that all runs of a block share: one wide matrix product in place of a batch of narrow ones."""

from __future__ import annotations

from torch import Tensor, ops
from torch.fx import Graph, GraphModule, Node

aten = ops.aten


def widen(graph: GraphModule) -> int:
    """Replace each batched product in which one operand is the same for all runs; return the number of replacements.

    For the inputs x (B, D) of all runs and the weights w (K, D, H) of each, x w[k] is one product of (K H, D) and (D, B).
    Matrix libraries reach a higher rate on it, and x is not copied K times. torch.vmap expands x to (K, B, D) with stride 0, by
    which it is recognised.

    Args:
        graph: traced with fake tensors, whose strides it reads. Changed in place.
    """
    count = 0
    for node in list(graph.graph.nodes):
        if node.target is aten.bmm.default and (wide := _wide(graph.graph, node)) is not None:
            node.replace_all_uses_with(wide)
            graph.graph.erase_node(node)
            count += 1
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return count


def _wide(graph: Graph, node: Node) -> Node | None:
    """Return the node of the wide product that equals the batched product `node`; None if no operand is shared."""
    left, right = node.args
    assert isinstance(left, Node)
    assert isinstance(right, Node)
    a, b = left.meta["val"], right.meta["val"]
    runs = a.shape[0]
    call = graph.call_function
    with graph.inserting_before(node):
        if _is_expanded(a):  # (B, D) times (K, D, H): the transpose of the result is (K H, D) times (D, B)
            shared = call(aten.t.default, (call(aten.select.int, (left, 0, 0)),))
            stacked = call(aten.transpose.int, (right, 1, 2))
            stacked = call(aten.reshape.default, (stacked, [runs * b.shape[2], b.shape[1]]))
            product = call(aten.mm.default, (stacked, shared))
            product = call(aten.view.default, (product, [runs, b.shape[2], a.shape[1]]))
            return call(aten.transpose.int, (product, 1, 2))
        if _is_expanded(b):  # (K, H, B) times (B, D)
            shared = call(aten.select.int, (right, 0, 0))
            stacked = call(aten.reshape.default, (left, [runs * a.shape[1], a.shape[2]]))
            product = call(aten.mm.default, (stacked, shared))
            return call(aten.view.default, (product, [runs, a.shape[1], b.shape[2]]))
    return None


def _is_expanded(tensor: Tensor) -> bool:
    """Return True if all matrices of `tensor` are the same memory."""
    return tensor.shape[0] > 1 and tensor.stride(0) == 0
