"""``robustill data check``: the table, the JSON and the exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.small import archive, command


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")


def photos(count: int = 12) -> None:
    """Class folders of images of one level each, in ``photos``."""
    for i in range(count):
        file = Path("photos") / ("train" if i % 3 else "test") / ("ants" if i % 2 else "bees") / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 4 * i, np.uint8)).save(file)


def test_a_sound_set(capsys: pytest.CaptureFixture[str]) -> None:
    data = archive(Path("d.npz"))
    assert command("data", "check", data) == 0
    said = capsys.readouterr().out
    rows = {cells[0]: cells[1:] for cells in (re.split("  +", line.strip()) for line in said.splitlines())}
    assert rows["images"] == ["200", "40"] and rows["images a class"] == ["50", "10"]
    assert rows["classes"] == ["4 of 4", "4 of 4"] and rows["channels"] == ["grey", "grey"]
    assert rows["sizes"] == ["8x8", "8x8"] and rows["broken"] == rows["copies"] == ["0", "0"]
    assert said.endswith("\nNothing wrong was found.\n")


def test_what_is_wrong_is_named_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    photos()
    Path("photos/train/ants/1.png").write_bytes(b"broken")
    Path("photos/test/bees/copy.png").write_bytes(Path("photos/train/bees/2.png").read_bytes())
    assert command("data", "check", "folder:photos", "--json", "out/check.json") == 1
    said = capsys.readouterr().out
    assert "WRONG: 1 training images cannot be read" in said and "WRONG: 1 images occur in training and test" in said
    assert "\n  photos/train/ants/1.png cannot be read as an image (" in said
    assert "\n  train/bees/2.png = test/bees/copy.png" in said and "Nothing wrong" not in said
    found = json.loads(Path("out/check.json").read_text())
    assert found["across"] == [["train/bees/2.png", "test/bees/copy.png"]] and len(found["wrong"]) == 2
    assert found["train"]["images"] == 8 and len(found["train"]["broken"]) == 1


def test_ten_of_many_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    photos(60)
    for file in list(Path("photos/train/ants").iterdir())[:13]:
        file.write_bytes(b"broken")
    assert command("data", "check", "folder:photos") == 1
    said = capsys.readouterr().out
    assert said.count("cannot be read as an image") == 10 and "and 3 more: --json names all" in said


def test_several_sizes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    photos()
    for i in range(4):
        Image.fromarray(np.full((10 + i, 8, 3), i, np.uint8)).save(f"photos/train/ants/more{i}.png")
    assert command("data", "check", "folder:photos") == 0
    said = capsys.readouterr().out
    assert "8x8 (8), 8x10 (1), 8x11 (1) and 2 more" in said and "note: Images have 5 sizes" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "folder:nowhere"], "There is no folder nowhere"),
        (["check", "nonsense"], "A dataset must be one of cifar10[:PATH], "),
        (["check"], "Missing: data. Usage: "),
        (["look", "demo"], "The action must be check, as in robustill data check demo. Found: 'look'."),
    ],
)
def test_bad_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("data", *words) == 2
    assert message in capsys.readouterr().err
