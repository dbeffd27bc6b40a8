"""What an archive holds -> a canonical file, where those are not the same. Each takes the contents of the members in order."""

from __future__ import annotations

import io
import lzma
import pickle
import re
import warnings
from typing import Any

import numpy as np


def frame_as_csv(contents: list[bytes]) -> bytes:
    """R's data frame, which the wheel holds as a compressed pickle of pandas. The archive's digest vouches for the pickle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the NumPy that wrote it
        frame: Any = pickle.load(io.BytesIO(lzma.decompress(contents[0])))
    return frame.drop(columns="rownames").to_csv(index=False).encode()


def ratings(contents: list[bytes]) -> bytes:
    """u.data as GroupLens publishes it, from RecBole's file: without its header, numbers without decimals."""
    lines = contents[0].decode().splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return "".join("\t".join(str(int(float(value))) for value in row) + "\n" for row in rows).encode()


def greymaps(contents: list[bytes]) -> bytes:
    """One .npy of the pictures, uint8 (pictures, 112, 92), from binary PGM files."""
    size = 112 * 92  # whatever comes before the pixels is the header
    pictures = np.stack([np.frombuffer(content[-size:], np.uint8).reshape(112, 92) for content in contents])
    file = io.BytesIO()
    np.save(file, pictures)
    return file.getvalue()


def script(contents: list[bytes]) -> bytes:
    """The plays as one text in the manner of char-rnn's: a name and a colon, then what is said; no headings, no directions."""
    lines: list[str] = []
    for content in contents:
        paragraphs = content.decode().split("\n\n")
        said = "\n\n".join(re.sub(r"_[^_]*(_|$)", "", paragraph) for paragraph in paragraphs)  # one direction has no end
        for line in said.splitlines():
            speaker = re.fullmatch(r"\*\*(.+?)\*\*\s*", line)
            if speaker:
                lines += ["", f"{speaker[1]}:"]
            elif not line.startswith("#"):
                lines.append(re.sub(r"\\(.)", r"\1", line).strip())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return f"{text}\n".encode()
