"""Where a number was made."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Iterator

import pytest
import torch

import robustill
from robustill.environment import environment, machine


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    environment.cache_clear()
    yield
    environment.cache_clear()


def test_versions_and_machine_are_named() -> None:
    found = environment()
    assert found.keys() == {"robustill", "git", "python", "torch", "machine", "threads", "command"}
    assert (found["robustill"], found["torch"]) == (robustill.__version__, torch.__version__)
    assert found["python"] == platform.python_version() and found["threads"] == torch.get_num_threads()
    assert found["machine"] == machine() and "CPU cores" in machine()
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("program", ["/usr/local/bin/robustill", "/opt/lib/robustill/__main__.py"])
def test_the_command_can_be_pasted_into_a_shell(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["train", "--method", "RSLAD() + IGDM(alpha=10)", "--data", "folder:my photos"]
    monkeypatch.setattr(sys, "argv", [program, *words])
    assert shlex.split(environment()["command"]) == ["robustill", *words]


def test_another_programs_command_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/me/secret/experiment.py", "--token", "123"])
    assert environment()["command"] == "python"


def test_a_released_package_says_so_and_a_checkout_names_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment()["git"]
    monkeypatch.setattr(robustill.environment, "__file__", "/nowhere/lib/robustill/environment.py")
    environment.cache_clear()
    assert environment()["git"] == "released"
