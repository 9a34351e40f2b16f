"""A process of a sweep does not outlive the sweep, however that ends."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import sys
from pathlib import Path
from robustill.sweep.local import Local
from tests.sweep.sleeper import Sleeper
list(Local()([Sleeper(Path(sys.argv[1]))], retries=0))
"""


def free(file: Path) -> bool:
    """Whether nobody holds a lock on a file."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
    try:
        while not (tmp_path / "begun").exists():
            assert parent.poll() is None, "the parent has ended by itself"
            time.sleep(0.05)
        assert not free(tmp_path / "lock")
    finally:
        parent.kill()
        parent.wait()
    end = time.monotonic() + 30
    while not free(tmp_path / "lock"):
        assert time.monotonic() < end, "the process goes on"
        time.sleep(0.05)
