"""What a study still needs, listed and not done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.reproduce.estimate import STANDS, Estimate, estimates
from robustill.reproduce.make import measurings
from robustill.reproduce.scales import Scale
from robustill.reproduce.work import work
from robustill.teachers import find_preset
from robustill.teachers.robustbench import models_folder


def list_left(names: Sequence[str], scale: Scale, runs: Path, *, jobs: int = 1, console: Console) -> None:
    """Prints every network with its state and what is left of it costs; does nothing else.

    Raises:
        ValueError, FileNotFoundError: a target is not known, or images or a teacher are not to be had.
    """
    rows, speeds = estimates(work(measurings(names, scale), runs)[1])
    lines: list[str] = []
    for row in rows:
        sheets = ", ".join(m.sheet.name for m in row.work.missing if m.sheet is not None) or "no measuring"
        cost = f"{row.training:.3g} + {row.measuring:.3g} forwards, {row.seconds / 3600:.3g} h" if row.units else ""
        lines.append(f"{row.state:>15}  {row.work.name}  {cost}{f'  ({sheets})' if row.units else ''}")
    seconds = sum(row.seconds for row in rows)
    training, measuring = sum(row.training for row in rows), sum(row.measuring for row in rows)
    left = sum(not row.work.finished for row in rows)
    lines += [
        f"{len(rows)} networks, {left} of them not finished: {training:.3g} student forwards of one image to train and "
        f"{measuring:.3g} to measure, {seconds / 3600:.3g} hours on this machine, "
        f"{seconds / 3600 / jobs:.3g} with {jobs} at a time and a core for each.",
        f"A backward counts as forwards do; of AutoAttack {STANDS:.0%} of the images are taken to withstand. "
        f"Speeds: {'; '.join(speeds)}.",
        *absent(rows),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def absent(rows: Sequence[Estimate]) -> list[str]:
    """A sentence for every published teacher whose weights are not here."""
    sources = dict.fromkeys(str(row.work.subject.source) for row in rows if row.work.subject.source)
    sources |= dict.fromkeys(
        str(m.teacher.source) for row in rows for m in row.work.missing if m.teacher and m.teacher.source
    )
    lines = []
    for source in sources:
        if not source.startswith("robustbench:"):
            continue
        preset = find_preset(source.removeprefix("robustbench:"))
        file = preset.file(models_folder())
        if not file.is_file():
            lines.append(
                f"{source} is not at {file}: it is downloaded when it is first needed, or put it there yourself, from "
                f"{preset.url}."
            )
    return lines
