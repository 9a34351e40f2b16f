"""One call that measures a network and gives what is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from torch import nn

from robustill.attacks.base import Adversary
from robustill.component import in_full
from robustill.data.split import Split
from robustill.environment import environment
from robustill.evaluation.accuracy import correct_under
from robustill.evaluation.agreement import gradient_agreement
from robustill.evaluation.gallery import gallery
from robustill.results import Accuracy, Evaluation, Mean


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    adversaries: Mapping[str, Adversary],
    teacher: nn.Module | None = None,
    batch_size: int = 256,
    seed: int = 0,
    model_name: str = "",
    teacher_name: str | None = None,
    data_name: str = "",
    classes: tuple[str, ...] = (),
    advance: Callable[[float], None] | None = None,
) -> Evaluation:
    """Measures accuracy under each adversary and, with a teacher, the agreement of input gradients.

    Args:
        model, teacher: networks from images in [0, 1] to logits, on one device.
        split: the images.
        adversaries: by the name under which each is reported.
        batch_size: images at a time. The noise of an attack depends on it.
        seed: of the attacks' noise.
        model_name, teacher_name, data_name, classes: written into the result.
        advance: told after each batch how many passes were made, for a progress bar.

    Returns:
        The numbers; ``arrays`` holds the per-image flags and the gallery.
    """
    began = time.perf_counter()
    arrays: dict[str, np.ndarray] = {}
    accuracies = {}
    for name, adversary in adversaries.items():
        flags = correct_under(model, split, adversary, batch_size=batch_size, seed=seed, advance=advance).numpy()
        arrays[f"correct_{name}"] = flags
        accuracies[name] = Accuracy(adversary=in_full(adversary), n=len(flags), correct=int(flags.sum()))
    agreement = {}
    if teacher is not None:
        for name, values in gradient_agreement(model, teacher, split, batch_size=batch_size).items():
            arrays[name] = values.numpy()
            agreement[name] = Mean.of(arrays[name].astype(np.float64))
    attack = next((adversaries[name] for name in reversed(list(adversaries)) if name != "clean"), None)
    if attack is not None:
        pictures = gallery(model, split, attack, teacher=teacher, seed=seed)
        arrays |= {f"gallery_{name}": values for name, values in pictures.items()}
    return Evaluation(
        model=model_name,
        parameters=sum(p.numel() for p in model.parameters()),
        data=data_name,
        split="test",
        classes=classes,
        accuracies=accuracies,
        agreement=agreement,
        teacher=teacher_name,
        batch_size=batch_size,
        seed=seed,
        seconds=time.perf_counter() - began,
        environment=environment(),
        arrays=arrays,
    )
