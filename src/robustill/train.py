"""Conducting a run: everything is checked before a file is written, and nothing is lost after."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from robustill.environment import environment
from robustill.files import remove_leftovers, write_json, write_text
from robustill.models import save_model
from robustill.profile import Profile, profile
from robustill.progress import Bar, Watched
from robustill.protocol import protocol
from robustill.recipes import read_recipe
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.setting import Setting, prepare
from robustill.training import Epoch, fit
from robustill.training.checkpoint import read_state, save_state
from robustill.validation import validate

PROFILED_STEPS = 5
"""How many steps are measured where somebody wants to know where their time goes."""


def train(
    run: Run, directory: Path, *, overwrite: bool = False, profiled: bool = False, console: Console | None = None
) -> RunDirectory:
    """Trains the student of a run and keeps its last and its best epoch.

    Args:
        run: the experiment.
        directory: where its files go; must be new or empty, unless ``overwrite`` empties it.
        profiled: print where a step's time goes before the first epoch, and write it to profile.json.
        console: where the protocol, the progress and the epochs are printed; None is silent.

    Raises:
        ValueError: a setting does not fit another, or the directory is taken. Nothing has been written then.
    """
    check_free(directory, overwrite=overwrite)
    setting = prepare(run)
    # Whole steps, so that what cannot be trained fails before a file is written
    found = profile(setting, PROFILED_STEPS if profiled else 1)
    target = begin(setting, directory)
    console = console or Console(quiet=True)
    announce(target, found, len(setting.batches) * run.epochs, console)
    if profiled:
        write_json(target.profile_file, found.to_json())
        console.print(str(found), markup=False, highlight=False)
    with Bar(run.epochs * work_per_epoch(setting), console) as bar:
        bar.stage("training")
        conduct(setting, target, bar, console)
    return target


def resume(directory: Path, *, console: Console | None = None) -> RunDirectory:
    """Continues an interrupted run after its last finished epoch, as if it had never stopped.

    Raises:
        ValueError: there is no run, or its checkpoint cannot be read.
    """
    target = RunDirectory(directory)
    if not target.settings_file.is_file():
        raise ValueError(f"--resume needs the directory of a run. Found: {directory}, which holds no run.yaml.")
    setting = prepare(read_run(target.settings_file))
    console = console or Console(quiet=True)
    with Bar(setting.run.epochs * work_per_epoch(setting), console) as bar:
        bar.stage("training")
        conduct(setting, target, bar, console)
    return target


def complete(run: Run, directory: Path, *, console: Console | None = None) -> RunDirectory:
    """Trains a run that may have been begun before: from the start, from its last epoch, or not at all if it is done.

    Raises:
        ValueError: as :func:`train` and :func:`resume`.
    """
    begun = RunDirectory(directory).settings_file.is_file()
    return resume(directory, console=console) if begun else train(run, directory, console=console)


def check_free(directory: Path, *, overwrite: bool, mark: str = "run.yaml") -> None:
    """Refuses a directory that holds something, unless it may be replaced and ``mark`` shows that it is what it was."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if directory.is_dir() and overwrite and (directory / mark).is_file():
        return
    found = "files in it" if directory.is_dir() else "a file"
    if overwrite:
        raise ValueError(
            f"--overwrite replaces only what the same command made. Found: {found}, and no {mark}, at {directory}. "
            "Remove it yourself, or name another directory with --output."
        )
    raise ValueError(
        f"{directory} must be new or empty. Found: {found}. Continue a run with --resume {directory}, replace it with "
        "--overwrite, or name another directory with --output."
    )


def begin(setting: Setting, directory: Path) -> RunDirectory:
    """Makes the directory of a run (in place of the run that was there) with what is known before the first step.

    It appears at once and whole: whatever interrupts this, a directory with a run.yaml can be resumed.
    """
    rows = protocol(setting)  # what may fail comes before the first file
    staged = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        write_text(RunDirectory(staged).settings_file, setting.run.to_yaml())
        write_json(staged / "environment.json", environment())
        write_json(staged / "protocol.json", rows)
        if directory.exists():
            shutil.rmtree(directory)
        staged.rename(directory)
    except OSError as error:
        error.filename = str(directory)  # what the user named
        raise
    return RunDirectory(directory)


def read_run(file: Path) -> Run:
    """The run that a YAML file describes.

    Raises:
        ValueError: the file is missing, is no YAML, or does not describe a run.
    """
    texts = read_recipe(file)
    try:
        return Run.from_texts(texts)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def announce(target: RunDirectory, found: Profile, steps: int, console: Console) -> None:
    """Prints the protocol, how long the run is expected to take, and whether that can be told."""
    for label, text in target.protocol():
        console.print(f"[bold]{label:>12}[/bold]  {escape(text)}", highlight=False, soft_wrap=True)
    estimate = f"about {timedelta(seconds=round(found.step * steps))} of training, from what was measured before"
    if found.busy:
        estimate += f"; WARNING: the machine is busy, {found.own:.0%} of the time was ours, so times mean little"
    console.print(f"[bold]{'time':>12}[/bold]  {estimate}", highlight=False, soft_wrap=True)


def conduct(setting: Setting, target: RunDirectory, bar: Bar, console: Console) -> None:
    """Trains from the last checkpoint in ``target``, or from the start, to the last epoch.

    After each epoch: the weights in last/ and, where it is the best so far, in best/, then the row of metrics, then the
    state. A run killed in between repeats that epoch, and writes the same again.
    """
    run = setting.run
    remove_leftovers(target.checkpoints)
    saved, damaged = read_state(target.checkpoints, ("rows", "fit"))
    if damaged:
        console.print(
            f"Damaged: {', '.join(map(str, damaged))}. The run goes on from the state before.", soft_wrap=True
        )
    rows: list[dict[str, Any]] = saved["rows"] if saved else []
    for _ in rows:
        bar.advance(work_per_epoch(setting))
    epochs = fit(
        setting.student,
        setting.teacher,
        Watched(setting.batches, bar, work_per_epoch(setting) / len(setting.batches)),
        epochs=run.epochs,
        average=run.average,
        resume=saved["fit"] if saved else None,
        **setting.fit_options,
    )
    for epoch in epochs:
        row = _row(setting, epoch, rows)
        rows.append(row)
        names = ("last", "best") if row["best"] else ("last",)
        for name in names:
            notes = {"classes": setting.dataset.classes, "epoch": epoch.number, "method": repr(run.method)}
            save_model(target.checkpoint(name), epoch.model, extra=notes)
        write_text(target.metrics_file, "".join(json.dumps(r) + "\n" for r in rows))
        save_state(target.checkpoints, {"rows": rows, "fit": epoch.state.state_dict()}, epoch.number)
        console.print(_sentence(row, run.epochs), highlight=False)


def work_per_epoch(setting: Setting) -> float:
    """The share of an epoch in a bar: its images times student forwards and their size."""
    return setting.units * setting.student_macs * len(setting.batches.split)


def _row(setting: Setting, epoch: Epoch, rows: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "epoch": epoch.number,
        "loss": epoch.loss,
        "learning_rate": epoch.learning_rate,
        "seconds": round(epoch.seconds, 3),
    }
    measured = validate(setting, epoch.model)
    best = not measured or all(measured["validation_robust"] > earlier["validation_robust"] for earlier in rows)
    return row | measured | {"best": best}


def _sentence(row: dict[str, Any], epochs: int) -> str:
    robust = f", validation robust {row['validation_robust']:.1%}" if "validation_robust" in row else ""
    best = " (best)" if row["best"] and robust else ""
    return f"epoch {row['epoch']:>3}/{epochs}: loss {row['loss']:.4f}{robust}{best}, {row['seconds']:.1f} s"
