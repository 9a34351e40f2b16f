"""The state on disk: whole or absent, read without running anything, refused in one sentence when it is damaged."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from robustill.training.checkpoint import read_state, save_state
from tests.small import assert_same

STATE = {"rows": [{"epoch": 1, "loss": 0.25, "best": True}], "fit": {"w": torch.arange(6.0).view(2, 3), "none": None}}


def read(file: Path) -> dict[str, Any]:
    return read_state(file, ("rows", "fit"))


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    save_state(tmp_path / "deep" / "state.pt", STATE)
    assert_same(read(tmp_path / "deep" / "state.pt"), STATE)


def test_layouts_survive(tmp_path: Path) -> None:
    momentum = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_state(tmp_path / "state.pt", {"rows": [], "fit": momentum})
    assert read(tmp_path / "state.pt")["fit"].stride() == momentum.stride()


def test_a_failed_write_leaves_the_old_state_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(tmp_path / "state.pt", STATE)

    def half(state: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="No space left"):
        save_state(tmp_path / "state.pt", {"rows": [], "fit": None})
    assert os.listdir(tmp_path) == ["state.pt"]
    assert_same(read(tmp_path / "state.pt"), STATE)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_state_is_refused(tmp_path: Path, share: float) -> None:
    file = tmp_path / "state.pt"
    save_state(file, STATE)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"state\.pt is no readable checkpoint\. Start the run again with --overwrite"):
        read(file)


@pytest.mark.parametrize("seed", range(8))
def test_garbage_is_refused(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "state.pt"
    generator = torch.Generator().manual_seed(seed)
    noise = bytes(torch.randint(256, (200,), generator=generator, dtype=torch.uint8).tolist())
    file.write_bytes(pickle.PROTO + bytes([2]) + noise if seed % 2 else noise)
    with pytest.raises(ValueError, match="no readable checkpoint"):
        read(file)


@pytest.mark.parametrize("content", [[1, 2], {"rows": []}, torch.zeros(3)], ids=["list", "keys missing", "tensor"])
def test_another_thing_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        read(tmp_path / "state.pt")


def test_a_missing_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no readable checkpoint"):
        read(tmp_path / "state.pt")


class _Opens:
    def __init__(self, file: str) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.file),))


def test_nothing_in_a_state_is_executed(tmp_path: Path) -> None:
    torch.save({"rows": [], "fit": _Opens(str(tmp_path / "executed"))}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        read(tmp_path / "state.pt")
    assert not (tmp_path / "executed").exists()
