"""A scale of seconds: noise images, networks of a few hundred parameters, two epochs; and an engine in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from robustill.data.augmentation import CropFlip
from robustill.models import SmallCNN
from robustill.reproduce.images import Images
from robustill.reproduce.scales import Small, demo
from robustill.reproduce.scales.small import sheets
from robustill.sweep import Job, Outcome, finish
from tests.small import archive


def toy(folder: Path, *, seeds: int = 1, training: int | None = None, samples: int = 20) -> Small:
    """The demo, made smaller; its teacher is trained too."""
    file = folder / "toy.npz"
    scale = demo(f"npz:{file}" if file.exists() else archive(file), None, seeds)
    base = replace(
        scale.base,
        student=SmallCNN(width=2),
        epochs=2,
        batch_size=50,
        validation=40,
        augmentation=CropFlip(padding=1),
        precision="float32",
    )
    return replace(
        scale,
        sheets=sheets(samples, 8, "apgd-ce", (8, 16)),
        images=Images(scale.images.source, training),
        words="noise",
        base=base,
        students={"ResNet-18": SmallCNN(width=2), "MobileNetV2": SmallCNN(width=1)},
        teacher_run=replace(base, student=SmallCNN(width=4), validation=0),
        given=None,
        surrogate_run=replace(scale.surrogate_run, student=SmallCNN(width=3), epochs=1, batch_size=50),
    )


@dataclass(frozen=True)
class Here:
    """Does everything in this process, and remembers what."""

    done: list[str] = field(default_factory=list)

    def __call__(self, tasks: Sequence[Job], *, retries: int) -> Iterator[Outcome]:
        for task in tasks:
            self.done.append(task.name)
            yield Outcome(task, finish(task, 1))
