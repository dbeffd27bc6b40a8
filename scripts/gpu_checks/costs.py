"""Checks of costs on a GPU: the host does not wait between log points, and memory does not grow."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence

import torch
from gpu_checks.lab import CONVOLUTIONAL, DIGITS, FailedError, Lab
from torch.profiler import ProfilerActivity, profile

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
SETTINGS = ("clip.norm=1", "average.kind=ema", "schedule=cosine")
ALLOWED = 2  # a chunk of steps is bounded in time, so that a run can be stopped
BYTES = 2**20


def host_does_not_wait(lab: Lab) -> str:
    """Count the calls that wait for the GPU in 200 steps between two log points, by the profiler.

    Runs of 400 and of 200 steps have the same log points and validations, so that only the 200 steps remain of the difference.
    """
    lab.needs_gpu("the profiler counts calls of the CUDA runtime")
    found: dict[str, int] = {}
    for name, words in {"dense": (*DIGITS, *SETTINGS), "convolutional": CONVOLUTIONAL}.items():
        _calls(lab, words, 50)  # loads the kernels
        fewer, more = _calls(lab, words, 200), _calls(lab, words, 400)
        if not sum(more[launch] for launch in LAUNCHES):
            raise FailedError("the profiler recorded no call of the CUDA runtime")
        found[name] = sum(more[wait] - fewer[wait] for wait in WAITS)
    text = f"calls that wait in 200 steps between log points: {found}"
    if any(count > ALLOWED for count in found.values()):
        raise FailedError(text)
    return text


def _calls(lab: Lab, words: Sequence[str], steps: int) -> Counter[str]:
    """Return the number of calls by name during a run of `steps` steps, measured at the first one only."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        lab.train(*words, "log_every=100000", f"validate_every={steps}", steps=steps)
    return Counter(event.name for event in profiled.events() or ())


def memory_is_flat(lab: Lab) -> str:
    """Compare the peak memory of runs of 200 and 1,200 steps."""
    lab.needs_gpu("the memory is that of the CUDA allocator")
    _peak(lab, 200)  # allocates the workspaces of libraries
    short, long = _peak(lab, 200), _peak(lab, 1200)
    text = f"peak of 1,200 steps {long / BYTES:.2f} MiB, of 200 steps {short / BYTES:.2f} MiB"
    if long > short + BYTES:
        raise FailedError(text)
    return text


def _peak(lab: Lab, steps: int) -> int:
    """Return the largest number of bytes allocated during a run."""
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    lab.train(*DIGITS, *SETTINGS, steps=steps)
    return torch.cuda.max_memory_allocated()
