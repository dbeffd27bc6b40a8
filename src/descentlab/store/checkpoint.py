"""The checkpoint of a run: one file with all that continuing needs, written atomically, read as data and never as code."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from descentlab.store.record import CHECKPOINT, CURVES

State = dict[str, Any]
DIGEST = 32  # bytes at the end of the file


def write(folder: Path, state: State) -> None:
    """Write `state`: tensors, numbers, texts, lists, tuples and dicts only.

    Raises:
        OSError: there is no space, or no right to write; the checkpoint before is still there.
    """
    path, scratch = folder / CHECKPOINT, folder / f".{CHECKPOINT}"
    try:
        with scratch.open("w+b") as file:
            torch.save(state, file)
            size = file.tell()
            file.write(_digest(file, size))  # after the archive's end, where torch.load does not mind it
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except RuntimeError as error:  # torch's word for a full disk
        raise OSError(f"the checkpoint could not be written: {error}") from error
    finally:
        scratch.unlink(missing_ok=True)


def read(folder: Path) -> State | None:
    """The state in `folder`, on the CPU; None if there is none or what there is cannot be used (which is said)."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            size = path.stat().st_size - DIGEST
            if size <= 0 or _digest(file, size) != file.read():  # torch itself does not look
                raise ValueError("its bytes are not those that were written")
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        if state["written"] > (folder / CURVES).stat().st_size:
            raise ValueError("the curves are shorter than when it was written")
        return state
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        print(f"{path} cannot be used ({error}): the run begins anew", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None


def _digest(file: BinaryIO, size: int) -> bytes:
    """The digest of the first `size` bytes; leaves `file` after them."""
    total = hashlib.blake2b(digest_size=DIGEST)
    file.seek(0)
    while chunk := file.read(min(size, 2**20)):
        total.update(chunk)
        size -= len(chunk)
    return total.digest()


def random_state() -> State:
    """Where the generators of this process stand: Python's, NumPy's, torch's on the CPU and on the current GPU."""
    name, keys, *rest = np.random.get_state(legacy=True)
    state: State = {"python": random.getstate(), "numpy": (name, np.asarray(keys).tolist(), *rest)}
    state["torch"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: State) -> None:
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.asarray(keys, np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
