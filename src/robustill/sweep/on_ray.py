"""A sweep on a Ray cluster whose nodes share the sweep's directory. A point whose node dies goes on at another."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from robustill.limits import THREADS, require_between
from robustill.sweep.conduct import Job, Outcome, finish, last_words

GPUS = 64
"""More than a node has."""


@dataclass(frozen=True)
class OnRay:
    """Points as Ray tasks.

    Attributes:
        address: of the cluster; ``auto`` is the one that this machine belongs to.
        cpus: cores that a point takes; it computes on so many threads.
        gpus: devices that a point takes, or a fraction of one.
    """

    address: str = "auto"
    cpus: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        require_between("--cpus", self.cpus, 1, THREADS)
        if not 0 <= self.gpus <= GPUS:
            raise ValueError(f"--gpus must be from 0 to {GPUS}, or a fraction. Found: {self.gpus}.")

    def __call__(self, tasks: Sequence[Job], *, retries: int) -> Iterator[Outcome]:
        ray = _ray()
        if not ray.is_initialized():
            try:
                ray.init(address=self.address, log_to_driver=False)
            except ConnectionError as error:
                raise ValueError(f"--ray needs a running cluster. Found: none at {self.address} ({error}).") from None
        remote = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=retries)(_logged)
        pending = {remote.remote(task, self.cpus): task for task in tasks}
        while pending:
            (ended, *_), _ = ray.wait(list(pending))
            yield self._outcome(ray, ended, pending.pop(ended))

    def _outcome(self, ray: Any, ended: Any, task: Job) -> Outcome:
        try:
            return Outcome(task, ray.get(ended))
        except ray.exceptions.RayError as error:
            kind = type(error).__name__
            return Outcome(task, f"Ray gave it up ({kind}): {last_words(task.log)} (see {task.log})")


def _logged(task: Job, threads: int) -> str | None:
    """Finishes a point; what it prints, and why it failed, goes to its log."""
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with task.log.open("a", encoding="utf-8", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        try:
            return finish(task, threads)
        except BaseException:
            traceback.print_exc()
            raise


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        advice = "Install it: pip install 'robustill[cluster]'."
        raise ValueError(f"--ray needs Ray. Found: no module ray. {advice}") from None
    return ray
