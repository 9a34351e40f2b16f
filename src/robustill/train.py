"""Conducting a run: everything is checked before a file is written, and nothing is lost after.

In a team every process does all of this but one thing: the first one alone looks into the directory and writes there.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from robustill.environment import environment
from robustill.files import remove_leftovers, reserved, write_json, write_text
from robustill.models import save_model
from robustill.prepare import check_alone, prepare
from robustill.profile import Profile, profile
from robustill.progress import Bar, Watched
from robustill.protocol import protocol
from robustill.recipes import read_recipe
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.setting import Setting
from robustill.team import here
from robustill.torchrun import launch, launched
from robustill.training import Epoch, NonFinite, State, fit
from robustill.training.checkpoint import read_state, save_state
from robustill.training.failure import save_failure
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
    team = here()
    team.led(lambda: check_free(directory, overwrite=overwrite))
    setting = prepare(run)
    check_alone(setting)
    # Whole steps, so that what cannot be trained fails before a file is written
    found = profile(setting, PROFILED_STEPS if profiled else 1)
    target = team.led(lambda: begin(setting, directory))
    console = console or Console(quiet=True)
    announce(target, found, len(setting.batches) * run.epochs, console)
    if profiled and team.leads:
        write_json(target.profile_file, found.to_json())
        console.print(str(found), markup=False, highlight=False)
    with Bar(run.epochs * work_per_epoch(setting), console) as bar:
        bar.stage("training")
        conduct(setting, target, bar, console)
    return target


def resume(directory: Path, *, console: Console | None = None) -> RunDirectory:
    """Continues an interrupted run from its last state, as if it had never stopped.

    Raises:
        ValueError: there is no run, or its checkpoint cannot be read.
    """
    target = RunDirectory(directory)
    setting = prepare(here().led(lambda: _begun(target)))
    console = console or Console(quiet=True)
    with Bar(setting.run.epochs * work_per_epoch(setting), console) as bar:
        bar.stage("training")
        conduct(setting, target, bar, console)
    return target


def complete(run: Run, directory: Path, *, console: Console | None = None) -> RunDirectory:
    """Trains a run that may have been begun before: from the start, from its last state, or not at all if it is done.

    Raises:
        ValueError: as :func:`train` and :func:`resume`.
    """
    begun = RunDirectory(directory).settings_file.is_file()
    return resume(directory, console=console) if begun else train(run, directory, console=console)


def restarted(directory: Path) -> bool:
    """Whether this process was started anew by the call of torchrun that began the run in a directory."""
    if not launched():
        return False
    made, asked = RunDirectory(directory).environment(), (launch(), environment()["command"])
    return here().led(lambda: (made.get("launch"), made.get("command")) == asked)


def _begun(target: RunDirectory) -> Run:
    if not target.settings_file.is_file():
        raise ValueError(f"--resume needs the directory of a run. Found: {target.path}, which holds no run.yaml.")
    return read_run(target.settings_file)


def check_free(directory: Path, *, overwrite: bool, mark: str = "run.yaml") -> None:
    """Refuses a directory that holds something, unless it may be replaced and ``mark`` shows that it is what it was.

    The current one is refused too: it would be replaced under the feet of whoever is in it.
    """
    if Path.cwd().is_relative_to(directory.resolve()):
        raise ValueError(
            f"--output must not be the current directory, nor one above it. Found: {directory}. Name a folder in it."
        )
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
    advice = "Name another directory with --output"
    if (directory / mark).is_file():
        resumed = f", or continue the run with --resume {directory}" if mark == "run.yaml" else ""
        advice += f", replace what is there with --overwrite{resumed}"
    raise ValueError(f"{directory} must be new or empty. Found: {found}. {advice}.")


def begin(setting: Setting, directory: Path) -> RunDirectory:
    """Makes the directory of a run (in place of the run that was there) with what is known before the first step.

    It appears at once and whole: whatever interrupts this, a directory with a run.yaml can be resumed.

    Raises:
        ValueError: another process trains the run that was there.
    """
    rows = protocol(setting)  # what may fail comes before the first file
    place = directory.resolve()  # a symbolic link stays one
    staged, old = (place.with_name(f".{place.name}.{age}") for age in ("new", "old"))
    _remove(staged, old)
    try:
        write_text(RunDirectory(staged).settings_file, setting.run.to_yaml())
        write_json(staged / "environment.json", environment() | _processes())
        write_json(staged / "protocol.json", rows)
        with ExitStack() as held:
            if (before := RunDirectory(place).settings_file).is_file():
                held.enter_context(reserved(before))
            if place.exists():
                place.rename(old)
            staged.rename(place)
    except OSError as error:
        error.filename = str(directory)  # what the user named
        raise
    finally:
        _remove(staged, old)
    return RunDirectory(directory)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _processes() -> dict[str, Any]:
    """What torchrun started, where it did."""
    return {"processes": here().size, "launch": launch()} if launched() else {}


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
    state. A run killed in between repeats that epoch, and writes the same again. Inside an epoch the state alone is
    saved, as often as the run says.

    Raises:
        FloatingPointError: a loss or gradient is not finite; the batch and the state of before are in ``target``.
        ValueError: another process trains this run.
    """
    with ExitStack() as held:
        setting.team.led(lambda: held.enter_context(reserved(target.settings_file)))
        _conduct(setting, target, bar, console)


def _conduct(setting: Setting, target: RunDirectory, bar: Bar, console: Console) -> None:
    run, team = setting.run, setting.team
    saved, damaged = team.led(lambda: _last_state(target))
    if damaged:
        console.print(
            f"Damaged: {', '.join(map(str, damaged))}. The run goes on from the state before.", soft_wrap=True
        )
    rows: list[dict[str, Any]] = saved["rows"] if saved else []
    for _ in rows:
        bar.advance(work_per_epoch(setting))
    last_saved = time.monotonic()

    def keep(state: State) -> None:
        nonlocal last_saved
        if team.leads:
            save_state(target.checkpoints, {"rows": rows, "fit": state.state_dict()}, state.epoch, state.step)
        last_saved = time.monotonic()

    def keep_if_due(state: State) -> None:
        if run.checkpoint_minutes is not None and time.monotonic() - last_saved >= 60 * run.checkpoint_minutes:
            keep(state)

    epochs = fit(
        setting.student,
        setting.asked[0],
        Watched(setting.batches, bar, work_per_epoch(setting) / len(setting.batches)),
        epochs=run.epochs,
        average=run.average,
        resume=saved["fit"] if saved else None,
        between=keep_if_due,
        **setting.fit_options,
    )
    try:
        for epoch in epochs:
            row = _row(setting, epoch, rows)
            rows.append(row)
            if team.leads:
                _write(setting, target, epoch, rows)
            keep(epoch.state)
            console.print(_sentence(row, run.epochs), highlight=False)
    except NonFinite as failure:
        keep(failure.state)
        written = team.led(partial(save_failure, target.path, failure))
        raise FloatingPointError(
            f"{failure} Its batch is in {written}; the state of before is kept: change "
            f"{target.settings_file}, and continue with robustill train --resume {target.path}."
        ) from failure


def _last_state(target: RunDirectory) -> tuple[dict[str, Any] | None, list[Path]]:
    remove_leftovers(target.checkpoints)
    saved, damaged = read_state(target.checkpoints, ("rows", "fit"))
    if saved:
        _write_rows(target, saved["rows"])  # whatever has become of them since
    return saved, damaged


def _write(setting: Setting, target: RunDirectory, epoch: Epoch, rows: list[dict[str, Any]]) -> None:
    """The weights of an epoch, and the rows up to it."""
    notes = {"classes": setting.dataset.classes, "epoch": epoch.number, "method": repr(setting.run.method)}
    for name in ("last", "best") if rows[-1]["best"] else ("last",):
        save_model(target.checkpoint(name), epoch.model, extra=notes)
    _write_rows(target, rows)


def _write_rows(target: RunDirectory, rows: list[dict[str, Any]]) -> None:
    write_text(target.metrics_file, "".join(json.dumps(r) + "\n" for r in rows))


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
    if setting.run.skip_nonfinite:
        row["skipped"] = epoch.skipped
    measured = validate(setting, epoch.model)
    best = not measured or all(measured["validation_robust"] > earlier["validation_robust"] for earlier in rows)
    return row | measured | {"best": best}


def _sentence(row: dict[str, Any], epochs: int) -> str:
    robust = f", validation robust {row['validation_robust']:.1%}" if "validation_robust" in row else ""
    best = " (best)" if row["best"] and robust else ""
    skipped = f", {row['skipped']} of its steps skipped" if row.get("skipped") else ""
    return f"epoch {row['epoch']:>3}/{epochs}: loss {row['loss']:.4f}{robust}{best}, {row['seconds']:.1f} s{skipped}"
