"""A folder with images and a finished run, and commands in a copy of it that have to be refused without a trace."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustill.train import train
from tests.small import archive, command, small_run

DATA = "npz:d.npz"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a finished and evaluated run of two epochs, all named relative to it."""
    root = tmp_path_factory.mktemp("world")
    archive(root / "d.npz")
    archive(root / "three.npz", classes=3, train=120, test=30)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train(small_run(DATA, epochs=2), Path("runs/done"))
        assert command("evaluate", "runs/done", "--attacks", "clean") == 0
    return root


@pytest.fixture(autouse=True)
def in_a_copy(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shutil.copytree(world, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    monkeypatch.delenv("ROBUSTILL_TRACEBACK", raising=False)
    yield


def everything() -> dict[str, bytes | None]:
    """Every file and folder below the current one."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(Path().rglob("*"))}


class Refused:
    """Runs a command that has to be refused with a message, and without a trace."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, words: list[str], message: str) -> None:
        before = everything()
        self.capsys.readouterr()
        assert command(*words) == 2
        said = self.capsys.readouterr().err
        assert said.startswith(f"robustill {words[0]}: error: ") and said.count("\n") == 1, said
        assert re.search(message, said), said
        assert len(said) < 600, said
        assert everything() == before


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Iterator[Refused]:
    yield Refused(capsys)


def folder(root: Path, *, classes: int = 2, images: int = 6) -> Path:
    """Class folders of grey noise."""
    random = np.random.default_rng(0)
    for name in ("ants", "bees", "cats")[:classes]:
        (root / name).mkdir(parents=True)
        for index in range(images):
            Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(root / name / f"{index}.png")
    return root
