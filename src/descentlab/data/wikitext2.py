"""WikiText-2 (Merity et al., arXiv:1609.07843) in byte-pair tokens, from the Hugging Face hub or from local files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from filelock import FileLock
from torch import Tensor

from descentlab.config.types import Count, Name
from descentlab.data.fetch import hub
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tensors import DataProperties
from descentlab.data.tokens import Tokens, read_tokenizer
from descentlab.extras import require

SPLITS = {"train": "train", "val": "validation", "test": "test"}  # token file -> split's name in datasets
TOKENIZER, DIGESTS = "tokenizer.json", "digests.json"
VOCABULARY = 8192  # vocabulary size if the config does not specify it
LINES = 1000  # number of lines tokenised at a time


class WikiText2(Tokens):
    """Tokens of a byte-level BPE (Sennrich et al., arXiv:1508.07909) that is trained on the training split only.

    They are computed once, stored in data_dir, and memory-mapped from there.

    Args:
        length, stride: see Windows.
        source: id of a data set on the hub.
        subset: its configuration on the hub.
        revision: its commit, which makes the result reproducible.
        folder: a folder of train, validation and test (.txt, or .parquet with a column `text`), instead of the hub.
        data_dir: folder of all data sets.
        properties: see DataProperties. `vocabulary` is the number of tokens.
    """

    def __init__(
        self,
        length: Count,
        source: str,
        subset: str | None = None,
        revision: str | None = None,
        folder: Name | None = None,
        stride: Count | None = None,
        data_dir: str = "data",
        **properties: Unpack[DataProperties],
    ) -> None:
        for library in ("datasets", "tokenizers"):
            require(library, "the data set wikitext2")
        self.size, self.hub = properties.get("vocabulary") or VOCABULARY, (source, subset, revision)
        self.folder = Path(folder).expanduser() if folder else None
        self.base = Path(data_dir) / "wikitext2"
        wanted = (self.size, *(_digests_in(self.folder).items() if self.folder else self.hub))
        path = self.base / hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
        dtype = "uint16" if self.size <= 2**16 else "uint32"
        super().__init__(length, str(path), stride, dtype, str(path / TOKENIZER), **properties)

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ids of train, valid and test.

        Raises:
            DataError: the texts are unavailable, or the stored tokens were changed.
        """
        self.base.mkdir(parents=True, exist_ok=True)
        with FileLock(self.base / ".lock"):  # one run of a sweep tokenises the texts, the others wait
            if not self.path.exists():
                self._tokenise()
        digests = json.loads((self.path / DIGESTS).read_text())
        for name, digest in digests.items():
            if _digest(self.path / name) != digest:
                raise DataError(f"{self.path / name} was changed (its digest differs): delete {self.path} and retry")
        return super().tokens()

    def vocabulary(self) -> int:
        return read_tokenizer(self.path / TOKENIZER).get_vocab_size()

    def _tokenise(self) -> None:
        texts = self._texts()
        scratch = self.path.with_suffix(".part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        tokenizer = _trained(_lines(texts["train"]), self.size)
        tokenizer.save(str(scratch / TOKENIZER))
        for name, split in SPLITS.items():
            with (scratch / f"{name}.bin").open("wb") as file:
                for encoded in map(tokenizer.encode_batch, _lines(texts[split])):
                    file.write(np.concatenate([one.ids for one in encoded]).astype(self.dtype).tobytes())
        names = [TOKENIZER, *(f"{name}.bin" for name in SPLITS)]
        (scratch / DIGESTS).write_text(json.dumps({name: _digest(scratch / name) for name in names}))
        scratch.replace(self.path)

    def _texts(self) -> Mapping[str, Any]:
        """Return the splits by their names in datasets, each with a column `text` of one row per line."""
        cache = self.base / "datasets"
        if not self.folder:
            source, subset, revision = self.hub
            return hub.load(source, subset, revision=revision, cache=cache)
        files = {split: str(path) for split, path in _files(self.folder).items()}
        kind = "parquet" if files["train"].endswith(".parquet") else "text"
        return hub.load(kind, data_files=files, cache=cache)


def _files(folder: Path) -> dict[str, Path]:
    """Return the file of each split.

    Raises:
        DataError: one is missing.
    """
    found = {split: path for split in SPLITS.values() for path in sorted(folder.glob(f"{split}.*"))}
    if missing := [split for split in SPLITS.values() if split not in found]:
        raise DataError(f"data.folder={folder} has no file {' and none '.join(missing)} (.txt or .parquet)")
    return found


def _digests_in(folder: Path) -> dict[str, str]:
    return {split: _digest(path) for split, path in _files(folder).items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(split: Any) -> Iterator[list[str]]:
    """Yield the lines of a split, each with its line end, in lists of at most LINES."""
    for rows in split.iter(LINES):
        yield [line.removesuffix("\n") + "\n" for line in rows["text"]]


def _trained(lines: Iterator[list[str]], vocabulary: int) -> Any:
    """Return a byte-level BPE tokenizer trained on `lines`, with `vocabulary` tokens at most."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # all bytes, so that no text has an unknown token
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer
