"""The state on disk: whole or absent, read without running anything, its damage noticed."""

from __future__ import annotations

import os
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from robustill.training.checkpoint import read_state, save_state, states
from tests.small import assert_same

STATE = {"rows": [{"epoch": 1, "loss": 0.25, "best": True}], "fit": {"w": torch.arange(6.0).view(2, 3), "none": None}}


def read(folder: Path) -> dict[str, Any] | None:
    return read_state(folder, ("rows", "fit"))[0]


def put(folder: Path, content: bytes, epoch: int = 1) -> Path:
    """A file whose name is right, whatever is in it."""
    file = folder / f"state-{epoch:04}-{sha256(content).hexdigest()[:16]}.pt"
    file.write_bytes(content)
    return file


def saved(value: object, file: Path) -> bytes:
    torch.save(value, file)
    content = file.read_bytes()
    file.unlink()
    return content


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    save_state(tmp_path / "deep", STATE, 1)
    assert_same(read(tmp_path / "deep"), STATE)


def test_where_nothing_was_saved_there_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path, ()) == read_state(tmp_path / "missing", ()) == (None, [])


def test_layouts_survive(tmp_path: Path) -> None:
    momentum = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_state(tmp_path, {"rows": [], "fit": momentum}, 1)
    found = read(tmp_path)
    assert found is not None and found["fit"].stride() == momentum.stride()


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for epoch in (1, 2, 3, 9_999, 10_000):
        newest = save_state(tmp_path, {**STATE, "epoch": epoch}, epoch)
        assert states(tmp_path)[0] == newest
    assert [file.name[:10] for file in states(tmp_path)] == ["state-1000", "state-9999"]


def test_an_epoch_done_again_replaces_what_was_there_of_it_and_after(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save_state(tmp_path, {**STATE, "run": 1, "epoch": epoch}, epoch)
    again = save_state(tmp_path, {**STATE, "run": 2, "epoch": 2}, 2)
    assert states(tmp_path)[0] == again and len(states(tmp_path)) == 2


def test_a_failed_write_leaves_the_old_state_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = save_state(tmp_path, STATE, 1)

    def half(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:9])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        save_state(tmp_path, {"rows": [], "fit": None}, 2)
    assert os.listdir(tmp_path) == [first.name]
    assert_same(read(tmp_path), STATE)


def changes(content: bytes) -> list[bytes]:
    """The content cut off at 20 random places, and with one random bit flipped at 20."""
    draw = random.Random(0)
    cut = [content[: draw.randrange(len(content))] for _ in range(20)]
    flipped = []
    for _ in range(20):
        place, bit = draw.randrange(len(content)), 1 << draw.randrange(8)
        flipped.append(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
    return cut + flipped


def test_whatever_damage_is_noticed_and_the_state_before_is_taken(tmp_path: Path) -> None:
    save_state(tmp_path, STATE, 1)
    newest = save_state(tmp_path, {"rows": [], "fit": None}, 2)
    for content in changes(newest.read_bytes()):
        newest.write_bytes(content)
        state, damaged = read_state(tmp_path, ("rows", "fit"))
        assert_same(state, STATE)
        assert damaged == [newest]


def test_where_all_are_damaged_the_files_are_named(tmp_path: Path) -> None:
    for epoch in (1, 2):
        file = save_state(tmp_path, {**STATE, "epoch": epoch}, epoch)
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"state-0002.*state-0001.*damaged. Put back a copy of one, or .*--overwrite"):
        read(tmp_path)


@pytest.mark.parametrize("value", [[1, 2], {"rows": []}, torch.zeros(3)], ids=["list", "keys missing", "tensor"])
def test_another_thing_is_refused(tmp_path: Path, value: Any) -> None:
    put(tmp_path, saved(value, tmp_path / "other"))
    with pytest.raises(ValueError, match="continues from a readable checkpoint"):
        read(tmp_path)


class _Opens:
    def __init__(self, file: str) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.file),))


def test_nothing_in_a_state_is_executed(tmp_path: Path) -> None:
    value = {"rows": [], "fit": _Opens(str(tmp_path / "executed"))}
    put(tmp_path, saved(value, tmp_path / "other"))
    with pytest.raises(ValueError, match="continues from a readable checkpoint"):
        read(tmp_path)
    assert not (tmp_path / "executed").exists()
