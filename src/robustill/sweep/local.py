"""A sweep on this machine: one process a point, so that one that dies takes no other with it.

A process hears of its parent's end, however that comes, through the pipe that its job came by; it ends too then, so
that no second process begins what the first still does.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robustill.sweep.conduct import Job, Outcome, finish, last_words, share_of_cores

REFUSED = 2
"""The exit status of a process whose point cannot be done as it is set."""
ORPHANED = 3
"""The exit status of a process whose parent has ended."""
PATIENCE = 0.1
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Local:
    """Points one after another, or ``jobs`` at a time."""

    jobs: int = 1

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError(f"--jobs must be at least 1. Found: {self.jobs}.")

    def __call__(self, tasks: Sequence[Job], *, retries: int) -> Iterator[Outcome]:
        waiting = deque((task, retries) for task in tasks)
        running: list[tuple[subprocess.Popen[bytes], Job, int]] = []
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    task, left = waiting.popleft()
                    running.append((_started(task, share_of_cores(self.jobs)), task, left))
                time.sleep(PATIENCE)
                for process, task, left in [one for one in running if one[0].poll() is not None]:
                    running.remove((process, task, left))
                    _hang_up(process)
                    if process.returncode in (0, REFUSED) or not left:
                        yield Outcome(task, _error(process.returncode, task))
                    else:
                        waiting.append((task, left - 1))
        finally:
            for process, _, _ in running:
                process.terminate()
                _hang_up(process)


def _started(task: Job, threads: int) -> subprocess.Popen[bytes]:
    """A process of this module's; it is handed its task through a pipe, and prints into the task's log."""
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with task.log.open("ab") as log:
        command = [sys.executable, "-m", __name__]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
    assert process.stdin is not None
    pickle.dump((task, threads), process.stdin)
    process.stdin.flush()  # and stays open for as long as this process lives
    return process


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def _end_with_parent() -> None:
    while os.read(0, 1):  # nothing more is ever sent: it waits for the end of the pipe
        pass
    os._exit(ORPHANED)


def _error(status: int, task: Job) -> str | None:
    if status == 0:
        return None
    if status == REFUSED:
        return last_words(task.log)
    ending = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"its process {ending}: {last_words(task.log)} (see {task.log})"


if __name__ == "__main__":
    job = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(REFUSED if finish(*job) is not None else 0)
