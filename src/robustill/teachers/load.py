"""Loading a teacher by its text, and whether it fits the data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from robustill.data import Dataset
from robustill.models import load_model
from robustill.models.checkpoint import read_entries
from robustill.models.classifier import Classifier
from robustill.results import RunDirectory

DEMO = Path(str(files("robustill.teachers"))) / "demo"
"""The shipped teacher: weights, config and the recipe that made it."""


def load_teacher(text: str) -> Classifier:
    """The network that a text names (see ``robustill.teachers``), frozen, on the CPU.

    Raises:
        ValueError: the scheme is not known, or there is no readable network behind the text.
    """
    teacher = load_model(network_path(text)).eval()
    for parameter in teacher.parameters():
        parameter.requires_grad_(False)
    return teacher


def network_path(text: str) -> Path:
    """The folder or file behind a text."""
    scheme, _, rest = text.partition(":")
    if text == "demo":
        return DEMO
    if scheme == "file" and rest:
        return Path(rest)
    if scheme == "run" and rest:
        return _best(RunDirectory(Path(rest)))
    raise ValueError(f"A teacher is demo, run:DIRECTORY or file:PATH. Found: {text!r}.")


def _best(run: RunDirectory) -> Path:
    for name in ("best", "last"):
        if run.checkpoint(name).exists():
            return run.checkpoint(name)
    raise ValueError(f"{run.path} has no finished epoch: checkpoints/best and checkpoints/last are missing.")


def check_fits(what: str, text: str, model: Classifier, dataset: Dataset) -> None:
    """Refuses a network (``what`` it is, and the text it was loaded by) that cannot speak about these images.

    Raises:
        ValueError: another number of classes, the same classes in another order, or another number of channels.
    """
    config = model.config
    if config.num_classes != dataset.num_classes:
        raise ValueError(
            f"{what} and data must have the same classes. Found: {config.num_classes} classes in {text}, "
            f"{dataset.num_classes} in {dataset.name}. Choose a network that was trained on these classes."
        )
    if config.in_channels != dataset.channels:
        raise ValueError(
            f"{what} and data must have the same channels. Found: {config.in_channels} in {text}, "
            f"{dataset.channels} in {dataset.name}. Give --channels {config.in_channels} to convert the images."
        )
    names = tuple(read_entries(network_path(text)).get("classes", dataset.classes))
    if names != dataset.classes:
        raise ValueError(
            f"{what} and data must name the same classes in the same order. Found: {', '.join(names)} in {text}, "
            f"{', '.join(dataset.classes)} in {dataset.name}."
        )
