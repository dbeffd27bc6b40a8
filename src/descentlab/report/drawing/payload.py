"""Compression of what a page contains: texts, and numbers as 32-bit floats, which the browser unpacks.

The format of `pack` is read by template/charts/unpack.js.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reference = tuple[int, int]  # the position of the first value in the payload, and the number of values
GZIP = 31  # zlib's number for a gzip stream with the largest window
LARGEST = 1e38  # of a 32-bit float, about


@dataclass
class Arrays:
    """The numbers of a page, each distinct array once."""

    parts: list[NDArray[np.float32]] = field(default_factory=list)
    known: dict[bytes, Reference] = field(default_factory=dict)
    length: int = 0

    def add(self, values: ArrayLike) -> Reference:
        """Store values that are plotted: rounded to 16 bits of precision, a relative error below 2e-5."""
        clipped = np.clip(np.asarray(values, np.float64), -LARGEST, LARGEST).astype(np.float32)
        bits = clipped.view(np.uint32)
        return self._store(((bits + np.uint32(0x80)) & np.uint32(0xFFFFFF00)).view(np.float32))

    def add_steps(self, values: ArrayLike) -> Reference:
        """Store ascending whole numbers as their differences, which are exact."""
        return self._store(np.diff(np.asarray(values, np.float64), prepend=0.0).astype(np.float32))

    def _store(self, values: NDArray[np.float32]) -> Reference:
        key = values.tobytes()
        if key not in self.known:
            self.known[key] = (self.length, len(values))
            self.parts.append(values)
            self.length += len(values)
        return self.known[key]

    def to_bytes(self) -> bytes:
        """Return all values with their first bytes first, then their second ones and so on, which compresses better."""
        values = np.concatenate(self.parts) if self.parts else np.zeros(0, np.float32)
        return values.astype("<f4").view(np.uint8).reshape(-1, 4).T.tobytes()


def pack(header: Mapping[str, Any], arrays: Arrays) -> str:
    """Return a page's data in base 64: gzip of the length of the header (4 bytes), the header as JSON, and the arrays.

    Raises:
        ValueError: the header contains NaN or an infinity, which are not JSON.
    """
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return pack_bytes(len(text).to_bytes(4, "little") + text + arrays.to_bytes())


def pack_bytes(content: bytes) -> str:
    """Return the gzip of `content` in base 64; equal contents give equal texts."""
    packer = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    return b64encode(packer.compress(content) + packer.flush()).decode()
