"""Weights out of files that other people's code wrote: what a file is, what it holds, under which names.

Seen in the wild, and understood here: a flat dictionary of tensors, or one below ``state_dict``, ``model_state_dict``
(beside ``unaveraged_model_state_dict``, which is left), ``net``, ``model`` or ``last``; names that begin with
``module.``, ``model.``, ``0.`` or ``1.``, several times over; normalisation constants among the weights; weights of a
``sub_block1`` that no forward uses; BatchNorms without ``num_batches_tracked``.
"""

from __future__ import annotations

import argparse
import codecs
import os
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from robustill.models.checkpoint import read_weights
from robustill.teachers.presets import Constants

UNSAFE = "ROBUSTILL_UNSAFE_PICKLE"
"""The environment variable that, set to 1, allows a checkpoint to run code while it is read."""

CONTAINERS = ("state_dict", "model_state_dict", "net", "model", "last")
PREFIXES = ("module.", "model.", "0.", "1.")

_numpy_scalar = np.float64(0).__reduce__()[0]
# What checkpoints hold beside weights, and what cannot do harm: an accuracy of numpy, the arguments of a script.
_HARMLESS: list[Any] = [
    argparse.Namespace,
    codecs.encode,
    np.dtype,
    type(np.dtype("float64")),
    type(np.dtype("float32")),
    type(np.dtype("int64")),
    (_numpy_scalar, "numpy.core.multiarray.scalar"),  # numpy 1 and
    (_numpy_scalar, "numpy._core.multiarray.scalar"),  # numpy 2 call it differently
]


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint of PyTorch or safetensors, on the CPU, out of their container.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint, not a whole one, holds no weights, or would run code; each its own sentence.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There is no checkpoint at {file}{' (it is a folder)' if file.is_dir() else ''}.")
    require_weights_file(file)
    return _unpacked(read_weights(file) if file.suffix == ".safetensors" else _load(file), file)


def require_weights_file(file: Path, called: str | None = None) -> None:
    """Refuses what a failed download leaves behind, by the first bytes; ``called`` is the name for the message.

    Raises:
        ValueError: the file is empty, a web page, a pointer of Git LFS, an archive, or only a part of a checkpoint.
    """
    name = called or str(file)
    with file.open("rb") as stream:
        start = stream.read(512)
    if not start:
        raise ValueError(f"{name} is empty; the download failed. Remove it and get it again.")
    if start.lstrip().startswith(b"<"):
        raise ValueError(
            f"{name} is a web page, not weights: the download was answered with a page about a quota, a login or a "
            "virus scan. Remove it and get the file in a browser."
        )
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{name} is a pointer of Git LFS, not the weights; fetch them with: git lfs pull.")
    if start[257:262] == b"ustar" or start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        raise ValueError(f"{name} is an archive; unpack it, and name the file of weights in it.")
    if start.startswith(b"PK"):
        _require_whole_zip(file, name)


def _require_whole_zip(file: Path, name: str) -> None:
    if not zipfile.is_zipfile(file):  # the list of contents is at the end
        raise ValueError(
            f"{name} is only the beginning of a checkpoint: its end is missing. Remove it and get it again."
        )
    with zipfile.ZipFile(file) as archive:
        if not any(entry.endswith("data.pkl") for entry in archive.namelist()):
            raise ValueError(f"{name} is an archive; unpack it, and name the file of weights in it.")


def _load(file: Path) -> Any:
    safe = os.environ.get(UNSAFE) != "1"
    with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
        warnings.simplefilter("ignore")  # about the protocol of old pickles, which a user can do nothing about
        try:
            return torch.load(file, map_location="cpu", weights_only=safe)
        except Exception as error:  # pickle, zip and torch have their own errors for what is damaged
            raise ValueError(_reason(file, error)) from None


def _reason(file: Path, error: Exception) -> str:
    if foreign := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"{file} needs {foreign[1]} to be read, and reading such a file can run any code. If you trust whoever "
            f"made it, set the environment variable {UNSAFE}=1."
        )
    if isinstance(error, EOFError) or re.search("EOF|truncated", str(error)):
        return f"{file} is only the beginning of a checkpoint: its end is missing. Remove it and get it again."
    first = str(error).strip().partition("\n")[0].partition(". ")[0]
    return f"{file} is no checkpoint of PyTorch, or a damaged one ({type(error).__name__}: {first})."


def _unpacked(content: Any, file: Path) -> dict[str, Tensor]:
    if isinstance(content, nn.Module):  # a whole network, which only an unsafe pickle can hold
        content = content.state_dict()
    if not isinstance(content, Mapping):
        raise ValueError(f"{file} should hold a dictionary of weights. Found: {_article(content)}.")
    for name in CONTAINERS:
        if isinstance(content.get(name), Mapping | nn.Module):
            return _unpacked(content[name], file)
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        found = ", ".join(map(str, content)) or "nothing"
        raise ValueError(f"{file} should hold weights, flat or below one of {', '.join(CONTAINERS)}. Found: {found}.")
    return tensors


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def take_constants(state: dict[str, Tensor], *, source: str) -> Constants | None:
    """Takes the normalisation constants out of the weights, whatever module held them; None if there are none.

    Raises:
        ValueError: there are several: the network would normalise twice.
    """
    found: dict[str, Constants] = {}
    for mean, std in (("mean", "std"), ("mu", "sigma")):
        for key in [key for key in state if key.rpartition(".")[2] == mean]:
            module = key.removesuffix(mean)
            if module + std in state:
                constants = Constants(_numbers(state.pop(key)), _numbers(state.pop(module + std)))
                if constants != Constants((0.0,) * len(constants[0] or ()), (1.0,) * len(constants[1] or ())):
                    found[key] = constants
    if len(found) > 1:
        raise ValueError(f"{source} normalises more than once, by {' and '.join(found)}; no published network does.")
    return next(iter(found.values()), None)


def _numbers(tensor: Tensor) -> tuple[float, ...]:
    # The shortest decimals that are the same in float32: 0.4914 and not 0.49140000343322754.
    return tuple(float(str(value)) for value in tensor.detach().to(torch.float32).flatten().numpy())


def fit_names(state: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of a network's own state dict, as far as harmless differences go.

    A prefix falls where every name has it and not every name of the network has. A ``sub_block1`` that the network
    lacks is dropped, and a missing ``num_batches_tracked`` is zero. All other differences stay, to be refused.
    """
    state = dict(state)
    while prefix := next((prefix for prefix in PREFIXES if _all_begin(state, prefix)), None):
        if _all_begin(network, prefix):
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    dead = {name for name in state if name.startswith("sub_block1.") and name not in network}
    absent = [name for name in network if name.endswith("num_batches_tracked") and name not in state]
    zeros = {name: torch.zeros((), dtype=torch.int64) for name in absent}
    return {name: value for name, value in state.items() if name not in dead} | zeros


def _all_begin(names: Mapping[str, Tensor], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) for name in names)
