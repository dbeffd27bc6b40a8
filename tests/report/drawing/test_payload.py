"""The compressed data of a page."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode

import numpy as np
import pytest

from descentlab.report.drawing.payload import Arrays, pack


def unpack(text):
    """Return the header and the values, as template/charts/unpack.js does."""
    content = gzip.decompress(b64decode(text))
    start = 4 + int.from_bytes(content[:4], "little")
    planes = np.frombuffer(content[start:], np.uint8).reshape(4, -1)
    return json.loads(content[4:start]), planes.T.copy().view("<f4").ravel()


def test_values_keep_four_digits_and_steps_are_exact():
    arrays = Arrays()
    values = np.random.default_rng(0).lognormal(0, 20, 1000)
    steps = np.cumsum(np.random.default_rng(1).integers(1, 100_000, 1000))
    references = [arrays.add(values), arrays.add_steps(steps)]
    header, found = unpack(pack({"references": references}, arrays))
    stored, differences = (found[start : start + length] for start, length in header["references"])
    assert stored == pytest.approx(values, rel=2e-5)
    assert (np.cumsum(differences, dtype=np.float64) == steps).all()


def test_equal_arrays_are_stored_once():
    arrays = Arrays()
    assert arrays.add([1.0, 2.0]) == arrays.add([1.0, 2.0]) != arrays.add([1.0, 3.0])
    assert arrays.length == 4


def test_infinite_values_are_clipped_and_a_header_with_nan_is_refused():
    arrays = Arrays()
    arrays.add([np.inf, -np.inf])
    assert np.isfinite(unpack(pack({}, arrays))[1]).all()
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack({"value": float("nan")}, arrays)


def test_equal_contents_give_equal_texts():
    assert pack({"a": 1}, Arrays()) == pack({"a": 1}, Arrays())
