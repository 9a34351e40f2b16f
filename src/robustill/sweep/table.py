"""The points of a sweep while it runs: what each is at, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from rich.table import Table

from robustill.results import RunDirectory
from robustill.sweep.conduct import Outcome, Task

SHOWN = 30
"""More points than this are shown as counts only, but for those that run."""


class Progress:
    """What is known of a sweep; a rich renderable that reads the runs' directories anew each time it is drawn."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._outcomes: dict[str, Outcome] = {}
        self._began = time.monotonic()
        self._epochs = self._finished_epochs()

    def note(self, outcome: Outcome) -> None:
        self._outcomes[outcome.task.name] = outcome

    def __rich__(self) -> Table:
        table = Table("point", "state", box=None, caption=self._caption(), caption_justify="left")
        for task in self._tasks:
            state = self._state(task)
            if len(self._tasks) <= SHOWN or state not in ("waiting", "finished"):
                table.add_row(task.point.name, state)
        return table

    def _state(self, task: Task) -> str:
        outcome = self._outcomes.get(task.point.name)
        if outcome is not None:
            return "finished" if outcome.error is None else f"failed: {outcome.error}"
        run, total = RunDirectory(task.directory), task.point.run.epochs
        done = len(run.metrics())
        if done == total:
            return "evaluating"
        return f"epoch {done} of {total}" if run.settings_file.exists() else "waiting"

    def _caption(self) -> str:
        ended = len(self._outcomes)
        text = f"{ended} of {len(self._tasks)} points ended"
        gained = self._finished_epochs() - self._epochs
        left = sum(t.point.run.epochs for t in self._tasks if t.point.name not in self._outcomes) - sum(
            len(RunDirectory(t.directory).metrics()) for t in self._tasks if t.point.name not in self._outcomes
        )
        if gained and left:
            seconds = (time.monotonic() - self._began) / gained * left
            text += f", about {timedelta(seconds=round(seconds))} left by the epochs so far"
        return text

    def _finished_epochs(self) -> int:
        return sum(len(RunDirectory(task.directory).metrics()) for task in self._tasks)
