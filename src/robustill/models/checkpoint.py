"""Models on disk: a folder with ``model.safetensors`` (weights) and ``config.json`` (what to build, and notes)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from robustill.files import DIGEST, read_signed, replacing, write_signed
from robustill.models.classifier import Classifier, ModelConfig
from robustill.models.create import from_config

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def save_model(
    folder: str | Path, model: nn.Module, *, dtype: torch.dtype | None = None, extra: Mapping[str, Any] | None = None
) -> None:
    """Writes a model so that :func:`load_model` finds it; each file appears whole or not at all.

    Args:
        folder: made if it is not there.
        model: a model of :func:`~robustill.models.create_model`.
        dtype: floating type to store the weights in, such as ``torch.float16``; None keeps theirs.
        extra: further entries of ``config.json``, such as the names of the classes.

    Raises:
        ValueError: the model has no config, ``extra`` claims a key of the config, or ``dtype`` cannot hold the weights.
    """
    config = getattr(model, "config", None)
    if not isinstance(model, Classifier) or not isinstance(config, ModelConfig):
        raise ValueError(
            f"save_model needs a model made by create_model; found a {type(model).__name__} without config."
        )
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(f"Weights are stored in a floating type such as torch.float16; found dtype={dtype}.")
    entries = config.to_json()
    claimed = sorted(entries.keys() & (extra or {}).keys())
    if claimed:
        raise ValueError(f"The extra entries of {CONFIG} may not be called {', '.join(claimed)}; choose other names.")
    state = {key: _stored(key, value, dtype) for key, value in model.state_dict().items()}
    write_signed(Path(folder) / CONFIG, entries | dict(extra or {}))
    with replacing(Path(folder) / WEIGHTS) as temporary:
        # save_file would make a file that nobody else may read
        temporary.write_bytes(save(state, {DIGEST: _digest(state)}))


def _stored(key: str, value: Tensor, dtype: torch.dtype | None) -> Tensor:
    # A copy of its own for each key: safetensors refuses tensors that share memory or have another layout.
    value = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    if dtype is None or not value.is_floating_point():
        return value
    stored = value.to(dtype)
    if not torch.equal(stored.isfinite(), value.isfinite()):
        raise ValueError(f"{key} holds a number too large for {dtype}; store the model as torch.bfloat16 or float32.")
    return stored


def load_model(path: str | Path, *, imports: bool = False) -> Classifier:
    """A saved model, on the CPU, in float32 whatever it was stored in, in eval mode. Draws no random numbers.

    Args:
        path: the folder, or a weights file with its ``config.json`` beside it.
        imports: whether the config may name a module to import; for files of one's own only.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: a file is broken, or the weights are not those of the network that the config describes.
    """
    weights = _weights_file(Path(path))
    state = read_weights(weights)
    config = read_config(weights)
    with torch.random.fork_rng(devices=[]):
        try:
            model = from_config(config, imports=imports)
        except ValueError as error:
            raise ValueError(f"{_config_file(weights)}: {error}") from None
    load_weights(model, state, source=str(weights))
    return model.eval()


def read_config(path: str | Path) -> ModelConfig:
    """The config of a saved model, without its weights.

    Raises:
        FileNotFoundError: there is no ``config.json``.
        ValueError: it is not the config of a model; the message names the entry.
    """
    entries = read_entries(path)
    try:
        return ModelConfig.from_json(entries)
    except ValueError as error:
        raise ValueError(f"{_config_file(Path(path))}: {error}") from None


def read_entries(path: str | Path) -> dict[str, Any]:
    """All of a saved model's ``config.json``, with what the caller of :func:`save_model` added.

    Raises:
        FileNotFoundError: there is no ``config.json``.
        ValueError: it holds no JSON object, or is damaged.
    """
    file = _config_file(Path(path))
    if not file.is_file():
        raise FileNotFoundError(f"A model needs a {CONFIG} beside its weights; {file} does not exist.")
    return read_signed(file)


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU, as they are stored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, its end is missing, or its tensors are not those that were saved.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"There are no weights at {file}; a saved model is a folder with {WEIGHTS} and {CONFIG}."
        )
    try:
        with safe_open(file, framework="pt") as opened:
            noted = (opened.metadata() or {}).get(DIGEST)
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # it is no dictionary
    except SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file, or not all of it ({error}); copy or save it again.") from None
    if noted not in (None, _digest(state)):
        raise ValueError(f"{file} is damaged: its weights do not have the digest noted in it; copy or save it again.")
    return state


def _digest(state: Mapping[str, Tensor]) -> str:
    """Of names, types, shapes and numbers: the format has no checksum of its own."""
    digest = sha256()
    for name, value in sorted(state.items()):
        digest.update(repr((name, value.dtype, tuple(value.shape))).encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_weights(model: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Copies weights into a model; every key and every shape must agree.

    Args:
        source: where the weights are from, to begin the messages with.

    Raises:
        ValueError: keys are missing or unknown, or shapes differ; the first few are named.
    """
    own = model.state_dict()
    missing, surplus = [key for key in own if key not in state], [key for key in state if key not in own]
    if missing:
        raise ValueError(f"{source} lacks {_few(missing)}, which the network needs; is it another architecture's?")
    if surplus:
        raise ValueError(
            f"{source} holds {_few(surplus)}, which the network does not have; is it another architecture's?"
        )
    shapes = [f"{k} {_shape(state[k])} instead of {_shape(own[k])}" for k in own if state[k].shape != own[k].shape]
    if shapes:
        raise ValueError(f"{source} holds {_few(shapes)}; are the width, the classes and the channels the same?")
    model.load_state_dict(dict(state))


def _few(items: list[str], limit: int = 3) -> str:
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _weights_file(path: Path) -> Path:
    return path / WEIGHTS if path.is_dir() else path


def _config_file(path: Path) -> Path:
    return path / CONFIG if path.is_dir() else path.with_name(CONFIG)
