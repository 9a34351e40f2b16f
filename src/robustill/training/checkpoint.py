"""The state of a run on disk: one file that is whole or absent, and readable without executing anything in it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from robustill.files import replacing


def save_state(file: Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers and texts in dictionaries and lists; the file before stays until the new one is whole."""
    with replacing(file) as temporary:
        torch.save(state, temporary)


def read_state(file: Path) -> dict[str, Any]:
    """What ``save_state`` wrote, on the CPU.

    Raises:
        ValueError: the file is missing, damaged or something else.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
        state = None
    if not isinstance(state, dict):
        raise ValueError(
            f"{file} is no readable checkpoint. Start the run again with --overwrite, or put back a copy of that file."
        )
    return state
