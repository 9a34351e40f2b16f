"""Freed memory that stays with the process: where the allocator can do it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from robustill.allocation import keep_freed_memory

BLOCK = """
import ctypes, torch
from robustill.allocation import keep_freed_memory

class Counts(ctypes.Structure):  # what glibc's mallinfo gives
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_int) for name in names.split()]

mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Counts
kept = keep_freed_memory() if {keep} else False
before = mallinfo()
x = torch.ones({floats})
mapped = mallinfo().hblks - before.hblks
del x
print(kept, mapped, mallinfo().arena - before.arena > 40_000_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the GNU allocator's choice")
@pytest.mark.parametrize(
    ("keep", "floats", "stay"), [(False, 12_000_000, False), (True, 12_000_000, True), (True, 20_000_000, False)]
)
def test_a_large_block_is_of_the_process_own_memory_and_stays_there(keep: bool, floats: int, stay: bool) -> None:
    words = [sys.executable, "-c", BLOCK.format(keep=keep, floats=floats)]
    kept, mapped, stays = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert kept == str(keep)
    assert int(mapped) == (0 if stay else 1)  # from the system, and back to it, or not
    assert stays == str(stay)


def test_where_it_cannot_be_done_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False
