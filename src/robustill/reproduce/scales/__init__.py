"""Three sizes of one study: images, networks, lengths, samples; the targets know nothing of them.

A scale gives networks for the paper's names. ``paper`` has one for each; ``demo`` and ``mini`` have one set of images,
one teacher and a small network in the place of each student, whatever dataset and teacher the paper's table names.
"""

from robustill.reproduce.scales.base import METHODS, Scale
from robustill.reproduce.scales.paper import Paper
from robustill.reproduce.scales.small import Small, demo, mini

__all__ = ["METHODS", "Paper", "Scale", "Small", "demo", "mini", "scale_named"]

SCALES = ("demo", "mini", "paper")


def scale_named(name: str, *, data: str | None = None, teacher: str | None = None, seeds: int | None = None) -> Scale:
    """The scale of a name.

    Args:
        name: demo, mini or paper.
        data: where its images come from, as a recipe's ``data``; None takes the scale's own.
        teacher: a teacher in the place of its own, as a recipe's ``teacher``; the paper's three cannot be replaced.
        seeds: how many students of each kind; None takes the scale's own number.

    Raises:
        ValueError: the name is none, there are no seeds, or the scale takes no such argument.
    """
    if name not in SCALES:
        raise ValueError(f"--scale must be one of {', '.join(SCALES)}. Found: {name!r}.")
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds must be at least 1. Found: {seeds}.")
    if name == "paper":
        for flag, value in (("data", data), ("teacher", teacher)):
            if value is not None:
                raise ValueError(
                    f"--scale paper has images and teachers of its own. Found: --{flag} {value}. Leave it out, and put "
                    "CIFAR-10 and CIFAR-100 where docs/data.md says."
                )
        return Paper(seeds=seeds or 1)
    return demo(data, teacher, seeds) if name == "demo" else mini(data, teacher, seeds)
