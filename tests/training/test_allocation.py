"""Freed memory that stays with the process: where the allocator can do it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from robustill.training.allocation import keep_freed_memory

FAULTS = """
import resource, torch
from robustill.training.allocation import keep_freed_memory
torch.set_num_threads(1)
kept = keep_freed_memory() if {keep} else False
def work():
    x = torch.ones(20_000_000)
    x + x
for _ in range(2):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the GNU allocator's choice")
def test_what_was_freed_is_given_out_again_without_new_pages() -> None:
    faults = {}
    for keep in (False, True):
        words = [sys.executable, "-c", FAULTS.format(keep=keep)]
        kept, count = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        assert kept == str(keep)
        faults[keep] = int(count)
    assert faults[True] < faults[False] / 2  # not none: a system may reclaim pages that lie idle


def test_where_it_cannot_be_done_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False
