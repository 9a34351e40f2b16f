"""Doing what is left: networks that others need first, then everything; each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from robustill.prepare import use_threads
from robustill.reproduce.measuring import fill_in, read
from robustill.reproduce.subjects import Measuring, Subject, needed, subjects
from robustill.results import RunDirectory
from robustill.sweep import Job, Outcome, conduct_jobs
from robustill.sweep.conduct import Engine
from robustill.teachers import load_teacher
from robustill.train import complete


@dataclass(frozen=True)
class Work(Job):
    """Training a network, or what is left of it, and filling in its sheets."""

    subject: Subject
    measurings: tuple[Measuring, ...]
    output: Path

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def trained(self) -> bool:
        run = self.subject.run
        return run is None or len(RunDirectory(self.directory).metrics()) == run.epochs

    @property
    def missing(self) -> list[Measuring]:
        """The sheets that are not filled in."""
        return [one for one in self.measurings if one.sheet is not None and read(one, self.output) is None]

    @property
    def others(self) -> list[Subject]:
        """The networks that it needs: to be trained, and for the sheets that are not filled in."""
        own = [self.subject.teacher] if self.subject.teacher is not None and not self.trained else []
        return own + [other for one in self.missing for other in one.others]

    @property
    def finished(self) -> bool:
        return self.trained and not self.missing

    def do(self, threads: int | None, console: Console) -> None:
        run = self.subject.run_in(self.output)
        use_threads(run.threads if run is not None and run.threads else threads)
        if run is not None and not self.trained:
            complete(run, self.directory, console=console)
        for one in self.missing:
            fill_in(one, self.output, console)


def work(measurings: Sequence[Measuring], runs: Path) -> tuple[list[Work], list[Work]]:
    """What comes first, the training of networks that others need; and all of it, every network once."""
    sheets: dict[str, list[Measuring]] = {}
    for one in dict.fromkeys(measurings):
        sheets.setdefault(one.subject.name, []).append(one)
    first = [Work(one, (), runs) for one in needed(measurings).values()]
    whole = [Work(one, tuple(sheets.get(name, ())), runs) for name, one in subjects(measurings).items()]
    return first, whole


def conduct(measurings: Sequence[Measuring], runs: Path, engine: Engine, *, retries: int = 1) -> Iterator[Outcome]:
    """Trains and measures what is not there; tells of each network as it ends.

    A network that needs one that failed is not begun, and says so.

    Raises:
        ValueError, FileNotFoundError: the images are not to be had, or a network without which nothing can be done.
    """
    first, whole = work(measurings, runs)
    left = [one for one in whole if not one.finished]
    for images in {one.subject.images for one in left}:
        images.prepare(runs)
    failed = {name: error for name, one in given(left).items() if (error := why_not(one)) is not None}
    if left and all(_lacking(one, failed) for one in left):
        raise ValueError(next(iter(failed.values())))
    needed_now = {other.name for one in left for other in one.others}
    for outcome in conduct_jobs([one for one in first if one.name in needed_now], engine, retries=retries):
        if outcome.error is not None:
            failed[outcome.task.name] = outcome.error
    possible = []
    for one in whole:
        lacking = [] if one.finished else _lacking(one, failed)
        if lacking:
            yield Outcome(one, failed[lacking[0]])
        else:
            possible.append(one)
    yield from conduct_jobs(possible, engine, retries=retries)


def _lacking(one: Work, failed: Mapping[str, str]) -> list[str]:
    """The names of what failed among a network and those that it needs."""
    return [name for name in (one.name, *(other.name for other in one.others)) if name in failed]


def given(works: Sequence[Work]) -> dict[str, Subject]:
    """The networks by name that works need, or are, and that no run trains."""
    found = [one.subject for one in works] + [other for one in works for other in one.others]
    return {one.name: one for one in found if one.source is not None}


def why_not(subject: Subject) -> str | None:
    """Why a network that is given cannot be had; None if it can."""
    try:
        load_teacher(str(subject.source))
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return None
