"""A job that holds a lock for a minute: who can take the lock knows that its process has ended."""

from __future__ import annotations

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from robustill.sweep import Job


@dataclass(frozen=True)
class Sleeper(Job):
    output: Path

    @property
    def name(self) -> str:
        return "sleeper"

    @property
    def finished(self) -> bool:
        return False

    def do(self, threads: int | None, console: Console) -> None:
        with (self.output / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (self.output / "begun").touch()
            time.sleep(60)
