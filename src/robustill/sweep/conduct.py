"""Conducting a sweep: which points are left, who does them, and what became of each."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rich.console import Console

from robustill.attacks import Budget
from robustill.expression import parse
from robustill.measure import measure_run
from robustill.prepare import use_threads
from robustill.results import RunDirectory
from robustill.sweep.plan import Point, Sweep
from robustill.train import complete

LOGS = "logs"
"""The folder of a sweep that holds what each point printed, and why it failed."""


class Job(ABC):
    """Something that a process of its own does, in a directory of its own below ``output``; done twice, it goes on."""

    output: Path

    @property
    @abstractmethod
    def name(self) -> str:
        """Of its directory."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether nothing of it is left, as the directory shows."""

    @abstractmethod
    def do(self, threads: int | None, console: Console) -> None:
        """Does what is left, on so many CPU threads where it names none itself."""

    @property
    def directory(self) -> Path:
        return self.output / self.name

    @property
    def log(self) -> Path:
        return self.output / LOGS / f"{self.name}.txt"


@dataclass(frozen=True)
class Task(Job):
    """A point and the directory of the sweep that it belongs to."""

    point: Point
    output: Path

    @property
    def name(self) -> str:
        return self.point.name

    @property
    def finished(self) -> bool:
        return RunDirectory(self.directory).evaluations().keys() >= {"last", "best"}

    def do(self, threads: int | None, console: Console) -> None:
        run = replace(self.point.run, threads=self.point.run.threads or threads)
        use_threads(run.threads)
        measure_run(complete(run, self.directory, console=console), console=console, **_measures(self.point))


@dataclass(frozen=True)
class Outcome:
    """How a job ended: ``error`` is None where it is finished."""

    task: Job
    error: str | None = None


@runtime_checkable
class Engine(Protocol):
    """Does jobs, in any order, and tells of each when it has ended."""

    def __call__(self, tasks: Sequence[Job], *, retries: int) -> Iterator[Outcome]: ...


def conduct_sweep(sweep: Sweep, output: Path, engine: Engine, *, retries: int = 1) -> Iterator[Outcome]:
    """Trains and measures every point that is not finished; tells of each as it ends, of the finished ones first."""
    return conduct_jobs([Task(point, output) for point in sweep.points], engine, retries=retries)


def conduct_jobs(tasks: Sequence[Job], engine: Engine, *, retries: int = 1) -> Iterator[Outcome]:
    """Does every job that is not finished; tells of each as it ends, of the finished ones first."""
    left = [task for task in tasks if not task.finished]
    yield from (Outcome(task) for task in tasks if task not in left)
    if left:
        yield from engine(left, retries=retries)


def finish(task: Job, threads: int | None = None) -> str | None:
    """Does one job, or what is left of it, in this process.

    Args:
        task: the job.
        threads: CPU threads where the job itself names none.

    Returns:
        Why it cannot be done, where trying again would not help: the sentence of a wrong setting. None if it is done.
    """
    try:
        task.do(threads, Console(width=120))
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        print(error, flush=True)
        return " ".join(str(error).split())
    return None


def _measures(point: Point) -> dict[str, Any]:
    measures = dict(point.measures)
    if "budget" in measures:
        measures["budget"] = parse(measures["budget"], Budget)
    return measures


def share_of_cores(jobs: int) -> int:
    """Threads for each of so many processes side by side."""
    return max(1, (os.cpu_count() or 1) // jobs)


def last_words(log: Path) -> str:
    """The last line that a point printed before its process ended."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
