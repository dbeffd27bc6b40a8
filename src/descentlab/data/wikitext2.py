"""WikiText-2 (Merity et al., arXiv:1609.07843) in byte-pair tokens, through Hugging Face's datasets; or a text of your own."""

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

from descentlab.data.fetch import hub
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tensors import Facts
from descentlab.data.tokens import Tokens, read_tokenizer
from descentlab.extras import require

SPLITS = {"train": "train", "val": "validation", "test": "test"}  # our token files -> datasets' names
TOKENIZER, DIGESTS = "tokenizer.json", "digests.json"
VOCABULARY = 8192  # where the config leaves it open
LINES = 1000  # that are tokenised at a time


class WikiText2(Tokens):
    """Tokens of a byte-level BPE (Sennrich et al., arXiv:1508.07909) that has seen the training split only.

    They are made once, below data_dir, and mapped into memory from there.

    Args:
        length, stride: see Windows.
        source: on the hub: a dataset's id.
        subset: of it.
        revision: of it, so that it stays what it is.
        folder: a folder of train, validation and test (.txt or .parquet with a column `text`), instead of the hub's.
        facts: see Facts. `vocabulary` is the number of tokens.
    """

    def __init__(
        self,
        length: int,
        source: str,
        subset: str | None = None,
        revision: str | None = None,
        folder: str | None = None,
        stride: int | None = None,
        data_dir: str = "data",
        **facts: Unpack[Facts],
    ) -> None:
        for library in ("datasets", "tokenizers"):
            require(library, "the data set wikitext2")
        self.size, self.hub = facts.get("vocabulary") or VOCABULARY, (source, subset, revision)
        self.folder = Path(folder).expanduser() if folder else None
        self.base = Path(data_dir) / "wikitext2"
        wanted = (self.size, *(_digests_in(self.folder).items() if self.folder else self.hub))
        path = self.base / hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
        dtype = "uint16" if self.size <= 2**16 else "uint32"
        super().__init__(length, str(path), stride, dtype, str(path / TOKENIZER), **facts)

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        """Raises: DataError: the texts cannot be had, or the tokens have been changed since they were made."""
        self.base.mkdir(parents=True, exist_ok=True)
        with FileLock(self.base / ".lock"):  # the runs of a sweep make them once
            if not self.path.exists():
                self._make()
        made = json.loads((self.path / DIGESTS).read_text())
        for name, digest in made.items():
            if _digest(self.path / name) != digest:
                raise DataError(f"{self.path / name} is not what was made (its digest differs): delete {self.path} and retry")
        return super().tokens()

    def vocabulary(self) -> int:
        return read_tokenizer(self.path / TOKENIZER).get_vocab_size()

    def _make(self) -> None:
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
        """The splits by datasets' names, each with a column `text`, a row a line."""
        cache = self.base / "datasets"
        if not self.folder:
            source, subset, revision = self.hub
            return hub.load(source, subset, revision=revision, cache=cache)
        files = {split: str(path) for split, path in _files(self.folder).items()}
        kind = "parquet" if files["train"].endswith(".parquet") else "text"
        return hub.load(kind, data_files=files, cache=cache)


def _files(folder: Path) -> dict[str, Path]:
    """The file of each split. Raises: DataError: one is missing."""
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
    """The lines of a split, each with its end, some at a time."""
    for rows in split.iter(LINES):
        yield [line.removesuffix("\n") + "\n" for line in rows["text"]]


def _trained(lines: Iterator[list[str]], vocabulary: int) -> Any:
    """Return a byte-level BPE tokenizer trained on `lines`, with `vocabulary` tokens at most."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # every byte: no text has an unknown token
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer
