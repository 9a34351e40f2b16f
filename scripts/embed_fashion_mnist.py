"""Write the Fashion-MNIST images of the package, or with ``--full`` all 70,000, from the four original files.

    python scripts/embed_fashion_mnist.py                      # src/robustill/data/fashion_mnist.npz, for `demo`
    python scripts/embed_fashion_mnist.py --full fashion.npz   # for `npz:fashion.npz`, to train a teacher on

The files are in Debian's package ``dataset-fashion-mnist`` and in github.com/zalandoresearch/fashion-mnist. Both
outputs depend on nothing but them: run again, the script writes the same arrays.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from robustill.data import Split

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
EMBEDDED = Path(__file__).parents[1] / "src" / "robustill" / "data" / "fashion_mnist.npz"
TRAIN, TEST, SEED = 5_000, 2_000, 0


def read_idx(file: Path) -> UInt8[np.ndarray, " *axes"]:
    """An array of a gzipped idx file: two zeros, 8 for bytes, the number of axes, each length (4 bytes), the data."""
    content = gzip.decompress(file.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{file} must be a gzipped idx file of bytes; it begins with {content[:3].hex(' ')}.")
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def read_split(folder: Path, part: str) -> Split:
    images = torch.tensor(read_idx(folder / f"{part}-images-idx3-ubyte.gz"))
    return Split(images[:, None], torch.tensor(read_idx(folder / f"{part}-labels-idx1-ubyte.gz"), dtype=torch.int64))


def write(file: Path, train: Split, test: Split) -> None:
    np.savez_compressed(
        file,
        x_train=train.images[:, 0].numpy(),
        y_train=train.labels.numpy().astype(np.uint8),
        x_test=test.images[:, 0].numpy(),
        y_test=test.labels.numpy().astype(np.uint8),
        classes=np.array(CLASSES),
    )
    print(f"{file}: {len(train)} training and {len(test)} test images, {file.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--source", type=Path, default=Path("/usr/share/datasets/fashion-mnist"), help="folder of the files"
    )
    parser.add_argument(
        "--full", type=Path, metavar="FILE.npz", help="write all images there, and not those of the package"
    )
    arguments = parser.parse_args()
    train, test = read_split(arguments.source, "train"), read_split(arguments.source, "t10k")
    if arguments.full:
        write(arguments.full, train, test)
    else:
        write(EMBEDDED, train.stratified(TRAIN, SEED), test.stratified(TEST, SEED))


if __name__ == "__main__":
    main()
