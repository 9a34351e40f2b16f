"""The state of a run on disk: files that are whole or absent, checked by their names, read without executing anything.

    state-0012-1f3a9c2e5b7d9e01.pt        after epoch 12; the first 16 digits of the SHA-256 of its content
    state-0012+00350-9e017d5b2e9c3a1f.pt  350 steps later

The last two are kept. One that a disk or a copy has damaged is noticed and the one before it taken, which costs time
and changes nothing: a resumed run is the run that was not interrupted.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from robustill.files import replacing

KEPT = 2
DIGITS = 16
NAME = re.compile(rf"state-(\d+)(?:\+(\d+))?-[0-9a-f]{{{DIGITS}}}\.pt")


def save_state(folder: Path, state: dict[str, Any], epoch: int, step: int = 0) -> Path:
    """Writes tensors, numbers and texts in dictionaries and lists, and removes what is older than the state before.

    It is the state after so many epochs, and so many steps of the next. Whatever happens on the way, the states that
    were there stay until the new one is whole.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    place = f"{epoch:04}+{step:05}" if step else f"{epoch:04}"
    written = folder / f"state-{place}-{_digest(content)}.pt"
    kept = [file for file in states(folder) if _place(file) < (epoch, step)][: KEPT - 1]
    with replacing(written) as temporary:
        temporary.write_bytes(content)
    for file in states(folder):
        if file != written and file not in kept:
            file.unlink()
    return written


def states(folder: Path) -> list[Path]:
    """The states in a folder, newest first, damaged or not."""
    found = [file for file in folder.glob("state-*.pt") if NAME.fullmatch(file.name)]
    return sorted(found, key=_place, reverse=True)


def read_state(folder: Path, keys: Sequence[str]) -> tuple[dict[str, Any] | None, list[Path]]:
    """The newest state that is whole, on the CPU, and the damaged ones that are newer; None where none was ever saved.

    Raises:
        ValueError: there are states, and all of them are damaged or something else.
    """
    damaged: list[Path] = []
    for file in states(folder):
        state = _read(file, keys)
        if state is not None:
            return state, damaged
        damaged.append(file)
    if damaged:
        raise ValueError(
            f"A run continues from a readable checkpoint. Found: {' and '.join(map(str, damaged))}, damaged. "
            "Put back a copy of one, or start the run again with --overwrite."
        )
    return None, []


def _read(file: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    content = file.read_bytes()
    if _digest(content) != file.stem.rpartition("-")[2]:
        return None
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # what is no archive of tensors raises anything, from KeyError to struct.error
        return None
    return state if isinstance(state, dict) and all(key in state for key in keys) else None


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:DIGITS]


def _place(file: Path) -> tuple[int, int]:
    """The epochs that were finished, and the steps of the next."""
    match = NAME.fullmatch(file.name)
    assert match is not None
    return int(match[1]), int(match[2] or 0)
