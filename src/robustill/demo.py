"""The main job in two minutes: students of one teacher on embedded images, with and without IGDM, and a report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, as_completed, wait
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from robustill.attacks import Linf
from robustill.evaluation import standard_adversaries
from robustill.files import reserved, write_json
from robustill.measure import measure, measure_run
from robustill.objectives import Method, Objective
from robustill.prepare import prepare, use_threads
from robustill.progress import Bar
from robustill.recipes import recipe_file
from robustill.report import main_table, read_study, verdict, write_report
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.setting import Setting
from robustill.train import begin, check_free, conduct, read_run, train, work_per_epoch
from robustill.yardstick import Yardstick

MARK = "demo.json"
"""The file by which a directory is known to be a demo's: how the demo was called."""


def demo(
    output: Path,
    term: Objective,
    *,
    seeds: int = 1,
    train_teacher: bool = False,
    jobs: int | None = None,
    overwrite: bool = False,
    console: Console,
) -> Path:
    """Trains, measures and reports; every student twice from the same initial weights, with and without ``term``.

    Students are trained side by side, each in a process of its own on one thread: for networks as small as these that
    is faster than one after the other on all threads, and it does not stall when the machine has other work.

    Args:
        output: the directory of the runs and of report.html.
        term: what is added to the method of the recipe ``demo``.
        seeds: how many pairs of students.
        train_teacher: train a teacher on the embedded images first, instead of taking the shipped one.
        jobs: how many processes at a time; None is one for each CPU core.
        overwrite: replace an earlier demo in ``output``.
        console: where the table is printed.

    Returns:
        The report.

    Raises:
        ValueError: the directory is taken, another demo is at work there, or the term cannot be added. Nothing has been
            written then.
    """
    check_free(output, overwrite=overwrite, mark=MARK)
    runs = student_runs(term, seeds, f"run:{output / 'teacher'}" if train_teacher else "demo")
    if (output / MARK).is_file():
        with reserved(output / MARK):
            shutil.rmtree(output)  # an earlier demo may have had more seeds
    write_json(output / MARK, {"term": repr(term), "seeds": seeds, "train_teacher": train_teacher})
    with reserved(output / MARK):
        return _train_and_measure(output, runs, train_teacher=train_teacher, jobs=jobs, console=console)


def _train_and_measure(
    output: Path, runs: Sequence[Run], *, train_teacher: bool, jobs: int | None, console: Console
) -> Path:
    """Everything after the checks; gives the report."""
    if train_teacher:
        train(teacher_run(), output / "teacher", console=console)
    settings = [prepare(run) for run in runs]
    students = [begin(setting, output / setting.run.name).path for setting in settings]
    workers = min(jobs or os.cpu_count() or 1, len(students))
    one_thread = partial(ProcessPoolExecutor, mp_context=get_context("spawn"), initializer=use_threads, initargs=(1,))
    with Bar(_work(settings), console) as bar, one_thread(workers) as pool:
        bar.stage(f"training {len(students)} students, {workers} at a time")
        _follow([pool.submit(train_student, path) for path in students], settings, students, bar)
        bar.stage("evaluating teacher and students")
        measured = {pool.submit(measure_teacher, students[0], output / "teacher"): _teacher_work(settings[0])}
        measured |= {pool.submit(measure_student, p): _student_work(s) for p, s in zip(students, settings, strict=True)}
        for future in as_completed(measured):
            future.result()
            bar.advance(measured[future])
        bar.stage("writing the report")
        report = write_report([output / "teacher", *students], output / "report.html")
    study = read_study([output / "teacher", *students])
    console.print(f"{verdict(study)}\n\n{main_table(study).plain()}", markup=False, highlight=False, soft_wrap=True)
    return report


def student_runs(term: Objective, seeds: int, teacher: str) -> list[Run]:
    """Two runs a seed, equal but for the term."""
    if isinstance(term, Method):
        raise ValueError(
            f"The term must be what a method takes with +, such as IGDM(alpha=10). Found: {term}, a method."
        )
    base = replace(read_run(recipe_file("demo")), teacher=teacher, threads=1)
    pairs = [(replace(base, seed=seed), replace(base, seed=seed, method=base.method + term)) for seed in range(seeds)]
    return [run for pair in pairs for run in pair]


def teacher_run() -> Run:
    """The recipe of the shipped teacher on the embedded images, shorter."""
    return replace(read_run(recipe_file("demo_teacher")), data="demo", epochs=10, validation=500)


def train_student(path: Path) -> None:
    """Trains the run that was begun in a directory."""
    quiet = Console(quiet=True)
    conduct(prepare(read_run(RunDirectory(path).settings_file)), RunDirectory(path), Bar(1, quiet), quiet)


def measure_student(path: Path) -> None:
    """Measures the last and the best epoch of a trained run."""
    measure_run(RunDirectory(path))


def measure_teacher(student: Path, path: Path) -> None:
    """Measures the teacher of a run, with the same images and attacks, into a directory of its own."""
    setting = prepare(read_run(RunDirectory(student).settings_file))
    assert setting.teacher is not None
    alone = replace(_yardstick(setting), teacher=None, teacher_name=None)
    measure(RunDirectory(path), "best", setting.teacher, alone, Bar(1, Console(quiet=True)))


def _yardstick(setting: Setting) -> Yardstick:
    """What all networks of a demo are measured with."""
    dataset, budget = setting.dataset, Linf(8 / 255)
    return Yardstick(dataset, dataset.test, standard_adversaries(budget), setting.teacher, setting.run.teacher)


def _student_work(setting: Setting) -> float:
    return 2 * _yardstick(setting).work(setting.student)  # the last and the best epoch


def _teacher_work(setting: Setting) -> float:
    assert setting.teacher is not None
    return _yardstick(setting).work(setting.teacher)


def _work(settings: Sequence[Setting]) -> float:
    training = sum(setting.run.epochs * work_per_epoch(setting) for setting in settings)
    return training + sum(map(_student_work, settings)) + _teacher_work(settings[0])


def _follow(futures: Sequence[Future[None]], settings: Sequence[Setting], students: Sequence[Path], bar: Bar) -> None:
    """Moves the bar by what the runs have written, until all are trained."""
    seen, waiting = 0.0, True
    while waiting:
        waiting = bool(wait(futures, timeout=0.5, return_when=FIRST_EXCEPTION).not_done)
        for future in futures:
            if future.done():
                future.result()  # an error ends the demo at once
        epochs = [len(RunDirectory(path).metrics()) for path in students]
        now = sum(n * work_per_epoch(setting) for n, setting in zip(epochs, settings, strict=True))
        bar.advance(now - seen)
        seen = now
