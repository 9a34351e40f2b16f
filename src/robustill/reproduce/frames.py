"""What images and networks are like, as far as a cost depends on it: nothing is trained, and no weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from robustill.cost import forward_macs
from robustill.data import load
from robustill.models import Architecture, create_model
from robustill.reproduce.images import Images
from robustill.reproduce.subjects import Subject
from robustill.teachers import find_preset, load_teacher


@dataclass(frozen=True)
class Frame:
    """Of a set of images: how many for training, their shape (channels, height, width), how many classes."""

    training: int
    shape: tuple[int, int, int]
    classes: int


PUBLISHED = {"cifar10": Frame(50_000, (3, 32, 32), 10), "cifar100": Frame(50_000, (3, 32, 32), 100)}


@cache
def frame(images: Images) -> Frame:
    """Of a set, which need not be there if it is one of the paper's.

    Raises:
        ValueError, FileNotFoundError: the set is not to be had.
    """
    found = PUBLISHED.get(images.source)
    if found is None:
        dataset = load(images.source, stream=True)
        found = Frame(len(dataset.train), dataset.train.shape, dataset.num_classes)
    return Frame(images.training or found.training, found.shape, found.classes)


def macs(subject: Subject) -> float:
    """Multiply-accumulates of one forward of one image.

    Raises:
        ValueError, FileNotFoundError: a network that is given is not to be had, or the images are not.
    """
    source = subject.source
    if subject.run is not None:
        return _macs(subject.run.student, frame(subject.images))
    assert source is not None
    if source.startswith("robustbench:"):
        return _macs(find_preset(source.removeprefix("robustbench:")).architecture, frame(subject.images))
    network = load_teacher(source)
    return forward_macs(network, torch.zeros(1, *frame(subject.images).shape))


@cache
def _macs(architecture: Architecture | str, images: Frame) -> float:
    channels, height, width = images.shape
    with torch.device("meta"):
        network = create_model(architecture, images.classes, in_channels=channels)
        return forward_macs(network, torch.zeros(1, channels, height, width))
