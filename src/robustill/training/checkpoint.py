"""The state of a run on disk: one file that is whole or absent, and readable without executing anything in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from robustill.files import replacing


def save_state(file: Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers and texts in dictionaries and lists; the file before stays until the new one is whole."""
    with replacing(file) as temporary:
        torch.save(state, temporary)


def read_state(file: Path, keys: Sequence[str]) -> dict[str, Any]:
    """What ``save_state`` wrote, with at least these keys, on the CPU.

    Raises:
        ValueError: the file is missing, damaged or something else.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # a damaged archive or pickle raises anything, from KeyError to struct.error
        state = None
    if not isinstance(state, dict) or any(key not in state for key in keys):
        raise ValueError(
            f"{file} is no readable checkpoint. Start the run again with --overwrite, or put back a copy of that file."
        )
    return state
