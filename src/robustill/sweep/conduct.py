"""Conducting a sweep: which points are left, who does them, and what became of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rich.console import Console

from robustill.attacks import Budget
from robustill.expression import parse
from robustill.measure import measure_run
from robustill.results import RunDirectory
from robustill.setting import use_threads
from robustill.sweep.plan import Point, Sweep
from robustill.train import complete

LOGS = "logs"
"""The folder of a sweep that holds what each point printed, and why it failed."""


@dataclass(frozen=True)
class Task:
    """A point and the directory of the sweep that it belongs to."""

    point: Point
    output: Path

    @property
    def directory(self) -> Path:
        return self.output / self.point.name

    @property
    def log(self) -> Path:
        return self.output / LOGS / f"{self.point.name}.txt"

    @property
    def finished(self) -> bool:
        return bool(RunDirectory(self.directory).evaluations())


@dataclass(frozen=True)
class Outcome:
    """How a point ended: ``error`` is None where it is finished."""

    task: Task
    error: str | None = None


@runtime_checkable
class Engine(Protocol):
    """Does tasks, in any order, and tells of each when it has ended."""

    def __call__(self, tasks: Sequence[Task], *, retries: int) -> Iterator[Outcome]: ...


def conduct_sweep(sweep: Sweep, output: Path, engine: Engine, *, retries: int = 1) -> Iterator[Outcome]:
    """Trains and measures every point that is not finished; tells of each as it ends, of the finished ones first."""
    tasks = [Task(point, output) for point in sweep.points]
    left = [task for task in tasks if not task.finished]
    yield from (Outcome(task) for task in tasks if task not in left)
    if left:
        yield from engine(left, retries=retries)


def finish(task: Task, threads: int | None = None) -> str | None:
    """Trains and measures one point, or what is left of it, in this process.

    Args:
        task: the point and where.
        threads: CPU threads where the point itself names none.

    Returns:
        Why it cannot be done, where trying again would not help: the sentence of a wrong setting. None if it is done.
    """
    run = task.point.run
    run = replace(run, threads=run.threads or threads)
    console = Console(width=120)
    try:
        use_threads(run.threads)
        measure_run(complete(run, task.directory, console=console), console=console, **_measures(task.point))
    except (ValueError, FloatingPointError) as error:
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
