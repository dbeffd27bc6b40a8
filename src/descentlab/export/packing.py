"""The data file of an exported script: the splits of a run, or the row numbers that cut them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from descentlab.data.characters import Characters
from descentlab.data.fetch.idx import IdxData
from descentlab.data.fetch.registry import one_file
from descentlab.data.loading.splits import Splits, shared_storage, three_way
from descentlab.data.loading.tensors import TensorData
from descentlab.errors import UsageError

LARGEST = 1_000_000_000  # bytes
TABLE = 256  # distinct numbers that indices of one byte can stand for


def reader(data: TensorData, pack: bool) -> str:
    """Return the module of export.template that reads `data`: from the files of the data set if there is a reader for them.

    Args:
        data: the data of the run.
        pack: store the splits in any case, so that the script needs no other file.
    """
    whole = not pack and data.properties.get("limit") is None
    if whole and isinstance(data, IdxData) and data.is_published:
        return "idx_data"
    return "text_data" if whole and isinstance(data, Characters) else "packed_data"


def constants(data: TensorData) -> dict[str, Any]:
    """Return the constants of the script that locate the files of the data set."""
    if isinstance(data, IdxData):
        return {"DATA_DIR": str((data.folder / data.entry.name).resolve())}
    if isinstance(data, Characters):
        file = one_file(data.path, data.source, data.data_dir).resolve()
        return {"DATA_FILE": str(file), "LENGTH": data.length, "STRIDE": data.stride}
    return {}


def write(data: TensorData, module: str, path: Path) -> None:
    """Write the file that the functions of `module`, idx_data or packed_data, read.

    Raises:
        UsageError: it would be larger than a gigabyte.
    """
    splits: Splits = data.splits
    if module == "idx_data" and isinstance(data, IdxData):
        total = splits.sizes()["train"] + splits.sizes()["valid"]
        train, valid, _ = (torch.from_numpy(rows) for rows in three_way(total, 0.0, data.fraction, data.split_seed))
        torch.save({"train": train.to(torch.int32), "valid": valid.to(torch.int32)}, path)
    else:
        parts = {"train": splits.train, "valid": splits.valid, "test": splits.test}
        stored = {name: [packed(tensor) for tensor in tensors] for name, tensors in parts.items()}
        size = sum(each.nbytes for part in stored.values() for one in part for each in one.values() if isinstance(each, Tensor))
        if size > LARGEST:
            raise UsageError(f"the data of this run have {size / 1e9:.1f} GB, more than the 1 GB that an export may store")
        torch.save(stored, path)


def packed(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as numbers and layout, from which template.packed_data.unpacked restores it bit for bit.

    Rows that overlap are stored once, and at most 256 distinct numbers as indices of a byte into their table.
    """
    overlaps = tensor.dim() == 2 and tensor.stride(1) == 1 and tensor.stride(0) < tensor.shape[1]
    tensor = tensor if overlaps else tensor.contiguous()
    numbers = shared_storage(tensor) if overlaps else tensor.flatten()
    layout = {"shape": tuple(tensor.shape), "stride": tensor.stride()}
    some = numbers[:100_000].unique()  # cheap, and enough to rule out most
    table, indices = numbers.unique(return_inverse=True) if len(some) <= TABLE else (some, some)
    if len(table) > TABLE or not torch.equal(table[indices], numbers):
        return {"numbers": numbers.clone(), **layout}
    return {"numbers": table, "indices": indices.to(torch.uint8), **layout}
