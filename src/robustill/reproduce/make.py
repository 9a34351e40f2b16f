"""One call: what is missing of some targets is done, then every one of them is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.reproduce.collect import Collected, collect
from robustill.reproduce.scales import Scale
from robustill.reproduce.subjects import Measuring
from robustill.reproduce.tables import sentences
from robustill.reproduce.targets import places, targets_named
from robustill.reproduce.work import conduct
from robustill.reproduce.write import write
from robustill.sweep.conduct import Engine
from robustill.sweep.local import Local


def reproduce(
    names: Sequence[str],
    scale: Scale,
    runs: Path,
    *,
    engine: Engine | None = None,
    retries: int = 1,
    console: Console | None = None,
) -> dict[str, Collected]:
    """Trains and measures what is missing, and writes RUNS/reproduce/TARGET.* of every target.

    Args:
        names: of targets; ``all`` is every one.
        scale: which networks and images.
        runs: the directory of all runs of this scale.
        engine: what does the work; None does one network at a time.
        retries: how often a process that died is tried again.
        console: where the networks that ended and the tables are printed.

    Raises:
        ValueError: a target is not known, or the images are not to be had.
    """
    console = console or Console(quiet=True)
    for outcome in conduct(measurings(names, scale), runs, engine or Local(1), retries=retries):
        text = f"failed: {outcome.task.name}: {outcome.error}" if outcome.error else f"done: {outcome.task.name}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    return show(names, scale, runs, console=console)


def show(names: Sequence[str], scale: Scale, runs: Path, *, console: Console | None = None) -> dict[str, Collected]:
    """Writes targets from what is there, and runs nothing; what is missing is said."""
    console, found = console or Console(quiet=True), {}
    for target in targets_named([*names]):
        found[target.name] = collected = collect(target, places(target, scale), runs)
        for table in write(collected, scale, runs):
            console.print(f"\n{table.plain()}", markup=False, highlight=False, soft_wrap=True)
        for sentence in sentences(collected):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        if collected.missing:
            text = f"Missing of {target.name}: {'; '.join(collected.missing)}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    return found


def measurings(names: Sequence[str], scale: Scale) -> list[Measuring]:
    """Every sheet of some targets once, in the order of their rows.

    Raises:
        ValueError: a target is not known.
    """
    rows = (place for target in targets_named([*names]) for place in places(target, scale))
    return list(dict.fromkeys(one for place in rows for one in place.measurings))
