"""BPE tokens of a text: trained on train only, computed once, lossless."""

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from descentlab.data.fetch.sources import DataError
from descentlab.data.wikitext2 import WikiText2

pytestmark = pytest.mark.usefixtures("offline")

WORDS = "the cat sat on the mat and the dog sat on the log\n"
TEXTS = {"train": WORDS * 60 + "= A heading =\n\n", "validation": "the dog sat\n" * 40, "test": "zebras — ünïcode ✓\n" * 40}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for split, content in TEXTS.items():
        (folder / f"{split}.txt").write_text(content, "utf-8")
    return folder


@pytest.fixture(scope="module")
def made(texts, tmp_path_factory, offline):
    """The data_dir of computed tokens, and the data set that computed them."""
    data_dir = tmp_path_factory.mktemp("data")
    data = wikitext(texts, data_dir)
    _ = data.splits
    return data_dir, data


def wikitext(folder, data_dir, vocabulary=280, length=8):
    where = {"folder": folder, "data_dir": str(data_dir)}
    return WikiText2(length, "Salesforce/wikitext", "wikitext-2-raw-v1", vocabulary=vocabulary, **where)


def test_tokens_decode_to_the_original_text(made):
    for part, content in zip(made[1].tokens(), TEXTS.values(), strict=True):
        assert made[1].decode(part.tolist()) == content


def test_published_splits_are_kept_and_the_tokenizer_is_trained_on_train(made):
    lengths = [len(part) / len(text.encode()) for part, text in zip(made[1].tokens(), TEXTS.values(), strict=True)]
    assert lengths[0] < 0.5
    assert lengths[2] > 0.9  # no merge contains its words
    assert made[1].vocabulary() == 280


def test_tokens_are_computed_once_per_text(made, texts, tmp_path, monkeypatch):
    data_dir, first = made
    other = tmp_path / "other"
    other.mkdir()
    for split, content in TEXTS.items():
        (other / f"{split}.txt").write_text(content + "more\n", "utf-8")
    assert wikitext(other, data_dir).path != first.path
    assert wikitext(texts, data_dir, vocabulary=270).path != first.path
    monkeypatch.setattr(WikiText2, "_tokenise", lambda self: pytest.fail("made again"))
    assert wikitext(texts, data_dir).splits.digest() == first.splits.digest()


def test_parquet_gives_the_same_tokens(made, tmp_path):
    import polars as pl

    for split, content in TEXTS.items():
        pl.DataFrame({"text": content.splitlines(keepends=True)}).write_parquet(tmp_path / f"{split}.parquet")
    data = wikitext(tmp_path, tmp_path / "data")
    assert data.splits.digest() == made[1].splits.digest()


def test_vocabulary_larger_than_the_text_allows_is_refused(texts, tmp_path):
    with pytest.raises(ValueError, match=r"data\.vocabulary is 5000 in the config, but WikiText2 has 2\d\d"):
        _ = wikitext(texts, tmp_path, vocabulary=5000).splits


def test_changed_tokens_are_refused(texts, tmp_path):
    data = wikitext(texts, tmp_path)
    data.tokens()
    np.zeros(100, np.uint16).tofile(data.path / "val.bin")
    with pytest.raises(DataError, match=r"val\.bin was changed"):
        data.tokens()


def test_unavailable_texts_are_reported(tmp_path):
    with pytest.raises(DataError, match=r"no file train and none validation and none test"):
        wikitext(tmp_path, tmp_path)
    hub = WikiText2(8, "Salesforce/wikitext", "wikitext-2-raw-v1", data_dir=str(tmp_path))
    with pytest.raises(DataError, match=r"Salesforce/wikitext cannot be loaded"):
        hub.tokens()
    assert not hub.path.exists()
