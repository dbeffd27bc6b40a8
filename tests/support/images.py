"""Image data sets with a few fabricated images, in the files that are published."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from descentlab.data.torchvision_sets import CIFAR100


def cifar(monkeypatch, folder, kind, digest=None):
    """Write an archive in CIFAR's format, set its digest in torchvision's class, and return images and labels by file."""
    fine, batches = kind is CIFAR100, {}
    made = type("Fabricated", (kind.make,), {})
    names = [name for name, _ in (*made.train_list, *made.test_list)]
    random, archive = np.random.default_rng(0), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in (*names, made.meta["filename"]):
            rows = 40 if "test" in name else 20
            pixels, given = random.integers(0, 256, (rows, 3072), np.uint8), [i % 10 for i in range(rows)]
            content = {"data": pixels, "fine_labels" if fine else "labels": given}
            if name == made.meta["filename"]:
                content = {made.meta["key"]: [f"class {i}" for i in range(10)]}
            batches[name] = (pixels, given, pickle.dumps(content))
            member = tarfile.TarInfo(f"{made.base_folder}/{name}")
            member.size = len(batches[name][2])
            tar.addfile(member, io.BytesIO(batches[name][2]))
    sums = {name: hashlib.md5(content).hexdigest() for name, (_, _, content) in batches.items()}
    made.train_list, made.test_list = ([[name, sums[name]] for name, _ in part] for part in (made.train_list, made.test_list))
    made.meta = {**made.meta, "md5": sums[made.meta["filename"]]}
    made.tgz_md5 = digest or hashlib.md5(archive.getvalue()).hexdigest()
    made.url = "http://localhost:1/"  # no server listens there
    (folder / kind.folder_name).mkdir(parents=True)
    (folder / kind.folder_name / made.filename).write_bytes(archive.getvalue())
    monkeypatch.setattr(kind, "make", made)
    return batches


def write_imagenet(folder: Path) -> None:
    """Write ImageNet's folders with a few small JPEG files of three classes."""
    random = np.random.default_rng(0)
    for part, each in (("train", 8), ("val", 3)):
        for kind in ("n01440764", "n01443537", "n01484850"):
            place = folder / "imagenet" / part / kind
            place.mkdir(parents=True)
            for number in range(each):
                pixels = random.integers(0, 256, (40 + number, 50, 3), np.uint8)
                Image.fromarray(pixels).save(place / f"{part}_{kind}_{number}.JPEG")
