"""The checkpoint of a run: one file, written atomically and loaded with weights_only=True, so that it cannot run code."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import re
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from descentlab.store.record import CHECKPOINT, CURVES

State = dict[str, Any]
DIGEST = 32  # length of the digest at the end of the file, in bytes


def write(folder: Path, state: State) -> None:
    """Write `state`, which may consist of tensors, numbers, strings, lists, tuples and dicts.

    Raises:
        OSError: there is no space, or no permission to write; the previous checkpoint is unchanged.
    """
    path, scratch = folder / CHECKPOINT, folder / f".{CHECKPOINT}"
    try:
        with scratch.open("w+b") as file:
            torch.save(state, file)
            size = file.tell()
            file.write(_digest(file, size))  # torch.load ignores bytes after the end of the archive
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except RuntimeError as error:  # raised by torch if the disk is full
        raise OSError(f"the checkpoint could not be written: {error}") from error
    finally:
        scratch.unlink(missing_ok=True)


def reason_not_loadable(state: State) -> str:
    """Return the reason why a checkpoint with `state` could not be read again; empty if it could."""
    file = io.BytesIO()
    try:
        torch.save(state, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except (AttributeError, TypeError, RuntimeError, pickle.PickleError) as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        return f"it contains a {named[1]}" if named else str(error)
    return ""


def read(folder: Path) -> State | None:
    """Return the state in `folder`, on the CPU; None if there is no checkpoint, or if it cannot be used, which is reported."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            size = path.stat().st_size - DIGEST
            if size <= 0 or _digest(file, size) != file.read():  # torch.load verifies no checksum
                raise ValueError("its content does not match its digest")
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        if state["written"] > (folder / CURVES).stat().st_size:
            raise ValueError("the curves are shorter than when it was saved")
        return state
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        print(f"{path} cannot be used ({error}): the run restarts", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the digest of the first `size` bytes, and leave the position of `file` after them."""
    total = hashlib.blake2b(digest_size=DIGEST)
    file.seek(0)
    while chunk := file.read(min(size, 2**20)):
        total.update(chunk)
        size -= len(chunk)
    return total.digest()


def random_state() -> State:
    """Return the states of the random generators of this process: Python, NumPy, torch on the CPU and on the current GPU."""
    name, keys, *rest = np.random.get_state(legacy=True)
    state: State = {"python": random.getstate(), "numpy": (name, np.asarray(keys).tolist(), *rest)}
    state["torch"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: State) -> None:
    """Restore the states that `random_state` returned."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.asarray(keys, np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
