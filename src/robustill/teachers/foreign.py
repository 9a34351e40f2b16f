"""A network from somebody else's checkpoint: the file has the weights, the caller says what network they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from robustill.models import Classifier, create_model, load_weights
from robustill.teachers.containers import fit_names, read_checkpoint, take_constants
from robustill.teachers.presets import Constants

SAME = 5e-4
"""How far constants may be apart that are the same: papers print three or four decimals."""


def load_foreign(
    file: Path, architecture: str, *, constants: Constants | None = None, num_classes: int | None = None
) -> Classifier:
    """A network with the weights of a foreign checkpoint, on the CPU, in eval mode. Draws no random numbers.

    Args:
        file: of PyTorch (see :mod:`robustill.teachers.containers`) or safetensors.
        architecture: a text for :func:`~robustill.models.create_model`.
        constants: the normalisation before the network. None leaves it to the file: the constants among its weights,
            or raw pixels where there are none.
        num_classes: how many classes there must be; None takes those of the last layer in the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, is another network's, has other classes or constants, or numbers not finite.
    """
    state = read_checkpoint(file)
    constants = _agreed(take_constants(state, source=str(file)), constants, file)
    with torch.device("meta"):  # for the names of the weights alone
        own = create_model(architecture, num_classes or 10).state_dict()
    state = fit_names(state, own)
    _require_finite(state, file)
    classes = _outputs(own, state) or num_classes or 10
    if num_classes not in (None, classes):
        raise ValueError(
            f"{file} distinguishes {classes} classes, and {num_classes} are required; it is another dataset's file."
        )
    with torch.random.fork_rng(devices=[]):
        model = create_model(
            architecture, classes, in_channels=_inputs(own, state), mean=constants[0], std=constants[1]
        )
    load_weights(model, state, source=str(file))
    return model.eval()


def _agreed(found: Constants | None, required: Constants | None, file: Path) -> Constants:
    """The file's constants, which belong to its weights, if they are those required."""
    if found is None:
        return required or Constants(None, None)
    if required is None or same_constants(found, required):
        return found
    wanted = "raw pixels" if required.mean is None else f"mean {required.mean} and std {required.std}"
    raise ValueError(
        f"{file} normalises with mean {found.mean} and std {found.std}, and its network is required to take {wanted}; "
        "it is the file of another dataset or another network."
    )


def same_constants(a: Constants, b: Constants) -> bool:
    """Whether two normalisations are one, up to rounding; raw pixels are the same as nothing."""
    if b.mean is None or b.std is None:
        return False
    left, right = (*(a.mean or ()), *(a.std or ())), (*b.mean, *b.std)
    return len(left) == len(right) and all(abs(p - q) <= SAME for p, q in zip(left, right, strict=True))


def _outputs(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> int | None:
    """The classes of the last linear layer, if the file has it."""
    linear = [name for name, value in own.items() if value.ndim == 2]
    return len(state[linear[-1]]) if linear and linear[-1] in state else None


def _inputs(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> int:
    """The channels of the first convolution, if the file has it; else 3."""
    convolutions = [name for name, value in own.items() if value.ndim == 4]
    first = state.get(convolutions[0]) if convolutions else None
    return first.shape[1] if first is not None and first.ndim == 4 else 3


def _require_finite(state: Mapping[str, Tensor], file: Path) -> None:
    for name, value in state.items():
        if not bool(value.isfinite().all()):
            raise ValueError(f"{file} holds numbers that are not finite, in {name}; its training diverged.")
