"""One progress bar for a job of several stages: it names the stage and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from robustill.training import EpochSource
    from robustill.types import Images, Labels

NOTE_SECONDS = 60.0
"""How far apart notes are printed where there is no bar to write them on."""


class Bar:
    """A bar over a known amount of work, in any unit. Where there is no terminal, stages are lines of text."""

    def __init__(self, total: float, console: Console) -> None:
        self._console = console
        self._stage = ""
        self._noted = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=1800,  # a batch may take minutes
        )
        self._task = self._progress.add_task("", total=total)

    def stage(self, name: str) -> None:
        self._stage = name
        self._progress.update(self._task, description=name)
        self._print(name)

    def note(self, text: str) -> None:
        """What is known so far, beside the stage; where there is no terminal, a line of text a minute."""
        self._progress.update(self._task, description=f"{self._stage}, {text}")
        if time.monotonic() - self._noted >= NOTE_SECONDS:
            self._noted = time.monotonic()
            self._print(f"{self._stage}, {text}")

    def advance(self, amount: float) -> None:
        self._progress.advance(self._task, amount)

    def _print(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class Watched:
    """Batches that advance a bar by ``amount`` each time the loop comes back for the next one.

    Each batch of each epoch counts once: not again when a run resumed inside an epoch, BatchNorm for an average of
    weights, or steps that are repeated, pass over it.
    """

    def __init__(self, source: EpochSource, bar: Bar, amount: float) -> None:
        self._source, self._bar, self._amount = source, bar, amount
        self._last = (0, 0)

    def __len__(self) -> int:
        return len(self._source)

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        batches: Iterable[tuple[Images, Labels]] = self._source.epoch(number)
        for step, batch in enumerate(batches):
            yield batch
            if (number, step) > self._last:
                self._last = (number, step)
                self._bar.advance(self._amount)
