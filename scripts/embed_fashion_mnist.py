"""Write the Fashion-MNIST images of the package, or with ``--full`` all 70,000, from the four original files.

    python scripts/embed_fashion_mnist.py                      # src/robustill/data/fashion_mnist.npz, for `demo`
    python scripts/embed_fashion_mnist.py --full fashion.npz   # for `npz:fashion.npz`, to train a teacher on

The files are in Debian's package ``dataset-fashion-mnist`` and in github.com/zalandoresearch/fashion-mnist. Both
outputs depend on nothing but them: run again, the script writes the same arrays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from robustill.data import Split, load

EMBEDDED = Path(__file__).parents[1] / "src" / "robustill" / "data" / "fashion_mnist.npz"
TRAIN, TEST, SEED = 5_000, 2_000, 0


def write(file: Path, train: Split, test: Split, classes: tuple[str, ...]) -> None:
    np.savez_compressed(
        file,
        x_train=train.images[:, 0].numpy(),
        y_train=train.labels.numpy().astype(np.uint8),
        x_test=test.images[:, 0].numpy(),
        y_test=test.labels.numpy().astype(np.uint8),
        classes=np.array(classes),
    )
    print(f"{file}: {len(train)} training and {len(test)} test images, {file.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", help="folder of the files; without it they are looked for as `fashion-mnist`")
    parser.add_argument(
        "--full", type=Path, metavar="FILE.npz", help="write all images there, and not those of the package"
    )
    arguments = parser.parse_args()
    data = load(f"fashion-mnist:{arguments.source}" if arguments.source else "fashion-mnist")
    if arguments.full:
        write(arguments.full, data.train, data.test, data.classes)
    else:
        write(EMBEDDED, data.train.stratified(TRAIN, SEED), data.test.stratified(TEST, SEED), data.classes)


if __name__ == "__main__":
    main()
