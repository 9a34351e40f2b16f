"""What the doctor sees, and what it calls bad."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from robustill.doctor import EXTRAS, Finding, findings
from tests.small import command

Usage = namedtuple("Usage", "total used free")


def looked(folder: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings(folder)}


def test_one_screen_with_every_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("doctor", "--output", tmp_path / "new" / "runs")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    for subject in ("robustill", "PyTorch", "machine", "GPU", "bfloat16", "load", "disk", "torchrun", "[cluster]"):
        assert any(subject in line for line in lines), subject
    assert torch.__version__ in "".join(lines)
    assert not (tmp_path / "new").exists()


def test_a_missing_extra_is_optional_and_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "cluster", ("no_such_module", "sweeps"))
    found = looked(tmp_path)["[cluster]"]
    assert found.state == "absent" and "pip install 'robustill[cluster]'" in found.found


def test_a_folder_is_not_the_package_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no_such_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(EXTRAS, "cluster", ("no_such_package", "sweeps"))
    assert looked(tmp_path)["[cluster]"].state == "absent"


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = looked(tmp_path / "file" / "below" / "runs")["writing"]
    assert found.state == "bad" and f"{tmp_path / 'file'} is a file" in found.found


@pytest.mark.parametrize(("free", "state"), [(2**40, "fine"), (2**20, "bad")])
def test_the_space_that_is_left(free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(free, 0, free))
    assert looked(tmp_path)["disk"].state == state


@pytest.mark.parametrize(("load", "state"), [(0.1, "fine"), (1000.0, "warning")])
def test_a_busy_machine(load: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    assert looked(tmp_path)["load"].state == state


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert command("doctor", "--output", tmp_path) == 1
    assert "Permission denied" in capsys.readouterr().out
