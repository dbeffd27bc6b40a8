"""Print the rate of a large matrix product on this machine, and the operations of one training step of a specification.

    python peak.py SPEC.json      (benchmarks/spec.py lists the keys; steps.py starts it)

The rate is that of a product of two 1024 x 1024 matrices of float32, in operations per second: the best of some repeats.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from hand_written import loss_of, make  # for imports from this folder
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

SIZE, REPEATS = 1024, 20


def main(path: Path) -> dict[str, float]:
    """Return `peak`, in operations per second, and `operations`, of the products and convolutions of one step."""
    torch.set_num_threads(1)
    spec: dict[str, Any] = json.loads(path.read_text())
    return {"peak": peak(), "operations": operations(spec)}


def peak() -> float:
    """Return operations per second of the largest rate among the repeats, each of 2 * 1024^3 operations."""
    left, right = torch.randn(2, SIZE, SIZE)
    seconds: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(seconds)


def operations(spec: dict[str, Any]) -> int:
    """Return the operations of the products and convolutions of a forward and a backward pass on one batch."""
    model, _ = make(spec, "plain")
    x, y = (tensor[: spec["batch_size"]].to(spec["device"]) for tensor in torch.load(spec["data"])["train"])
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # the fused kernel of the CPU is not counted
        loss_of(spec)(model(x), y).backward()
    return counter.get_total_flops()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
