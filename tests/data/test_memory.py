"""Memory: what the system says is free, and what therefore stays in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from robustill.data import load, memory
from robustill.data.memory import fits, free_memory
from robustill.data.placement import place
from robustill.data.split import Split

CPU = torch.device("cpu")


def system(patch: pytest.MonkeyPatch, folder: Path, *, machine: str = "", limit: str = "", used: str = "0") -> None:
    """A system that says these things; empty texts are files that are not there."""
    for name, text in (("meminfo", machine), ("memory.max", limit), ("memory.current", used)):
        if text:
            (folder / name).write_text(text)
    patch.setattr(memory, "_MEMINFO", folder / "meminfo")
    patch.setattr(memory, "_GROUP", folder)


def test_what_the_machine_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(
        monkeypatch, tmp_path, machine="MemTotal: 900 kB\nMemFree:  10 kB\nMemAvailable:   400 kB\nHugePages_Total: 0\n"
    )
    assert free_memory(CPU) == 400 * 1024
    assert fits(100 * 1024) and not fits(100 * 1024 + 1)


@pytest.mark.parametrize(("limit", "free"), [("300000", 100_000), ("max", 400 * 1024), ("", 400 * 1024)])
def test_what_a_container_has_left(limit: str, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, tmp_path, machine="MemAvailable: 400 kB\n", limit=limit, used="200000")
    assert free_memory(CPU) == free


def test_where_nothing_is_said_everything_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, tmp_path)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}[name])
    assert free_memory(CPU) == 40960  # macOS
    monkeypatch.delattr(os, "sysconf")
    assert free_memory(CPU) is None and fits(1 << 60)  # Windows


def test_this_machine_says_something() -> None:
    free = free_memory(CPU)
    assert free is None or free > 1 << 20


SPLIT = Split(torch.zeros(10, 3, 4, 4, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64))  # 480 bytes


@pytest.mark.parametrize(("free", "streamed"), [(4 * 480, False), (4 * 480 - 1, True), (None, False)])
def test_a_split_stays_in_memory_if_a_quarter_is_enough(
    free: int | None, streamed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: free)
    assert place(SPLIT, "photos").streamed is streamed
    said = capsys.readouterr().err
    assert said == (
        "photos: 10 images take 0.0 GB, more than 25% of the free memory: each is read when it is needed. "
        "--stream false would keep them all in memory.\n"
        if streamed
        else ""
    )


def test_the_memory_of_the_device_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10**9 if device.type == "cpu" else 10)
    assert not place(SPLIT, "photos", device="cpu").streamed
    assert place(SPLIT, "photos", device="cuda").streamed


@pytest.mark.parametrize("stream", [True, False])
def test_who_says_so_decides(stream: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10 if not stream else 10**9)
    data = load("demo", stream=stream)
    assert data.train.streamed is data.test.streamed is stream
    assert capsys.readouterr().err == ""


def test_each_split_is_placed_by_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 4 * 2000 * 28 * 28)
    data = load("demo")
    assert data.train.streamed and not data.test.streamed
