"""The main job in two minutes: students of one teacher on embedded images, with and without IGDM, and a report."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from robustill.attacks import Linf
from robustill.evaluation import standard_adversaries
from robustill.files import write_json
from robustill.measure import Yardstick, checkpoints, load_checkpoint, measure
from robustill.objectives import Method, Objective
from robustill.progress import Bar
from robustill.recipes import recipe_file
from robustill.report import main_table, read_study, verdict, write_report
from robustill.results import RunDirectory
from robustill.run import Run
from robustill.setting import Setting, prepare
from robustill.train import begin, check_free, conduct, read_run, train, work_per_epoch

MARK = "demo.json"
"""The file by which a directory is known to be a demo's: how the demo was called."""


def demo(
    output: Path,
    term: Objective,
    *,
    seeds: int = 1,
    train_teacher: bool = False,
    overwrite: bool = False,
    console: Console,
) -> Path:
    """Trains, measures and reports; every student twice from the same initial weights, with and without ``term``.

    Args:
        output: the directory of the runs and of report.html.
        term: what is added to the method of the recipe ``demo``.
        seeds: how many pairs of students.
        train_teacher: train a teacher on the embedded images first, instead of taking the shipped one.
        overwrite: replace an earlier demo in ``output``.
        console: where the table is printed.

    Returns:
        The report.

    Raises:
        ValueError: the directory is taken, or the term cannot be added. Nothing has been written then.
    """
    check_free(output, overwrite=overwrite, mark=MARK)
    runs = student_runs(term, seeds, f"run:{output / 'teacher'}" if train_teacher else "demo")
    if output.exists():
        shutil.rmtree(output)  # an earlier demo may have had more seeds
    write_json(output / MARK, {"term": repr(term), "seeds": seeds, "train_teacher": train_teacher})
    if train_teacher:
        train(teacher_run(), output / "teacher", console=console)
    quiet = Console(quiet=True)  # the bar says enough
    settings = [prepare(run) for run in runs]
    targets = [begin(setting, output / name) for setting, name in zip(settings, _names(settings), strict=True)]
    with Bar(sum(s.run.epochs * work_per_epoch(s) for s in settings) + _work(settings), console) as bar:
        for setting, target in zip(settings, targets, strict=True):
            bar.stage(f"training {setting.run.method}, seed {setting.run.seed}")
            conduct(setting, target, bar, quiet)
        yardstick = _yardstick(settings[0])
        assert yardstick.teacher is not None
        bar.stage("evaluating the teacher")
        alone = replace(yardstick, teacher=None, teacher_name=None)
        measure(RunDirectory(output / "teacher"), "best", yardstick.teacher, alone, bar)
        for setting, target in zip(settings, targets, strict=True):
            for name, path in checkpoints(target).items():
                bar.stage(f"evaluating {setting.run.method}, seed {setting.run.seed}, {name} epoch")
                measure(target, name, load_checkpoint(path, setting.dataset, setting.device), yardstick, bar)
        bar.stage("writing the report")
        directories = [output / "teacher", *(target.path for target in targets)]
        report = write_report(directories, output / "report.html")
    study = read_study(directories)
    console.print(f"{verdict(study)}\n\n{main_table(study).plain()}", markup=False, highlight=False, soft_wrap=True)
    return report


def student_runs(term: Objective, seeds: int, teacher: str) -> list[Run]:
    """Two runs a seed, equal but for the term."""
    if isinstance(term, Method):
        raise ValueError(
            f"The term must be what a method takes with +, such as IGDM(alpha=10). Found: {term}, a method."
        )
    base = replace(read_run(recipe_file("demo")), teacher=teacher)
    pairs = [(replace(base, seed=seed), replace(base, seed=seed, method=base.method + term)) for seed in range(seeds)]
    return [run for pair in pairs for run in pair]


def teacher_run() -> Run:
    """The recipe of the shipped teacher on the embedded images, shorter."""
    return replace(read_run(recipe_file("demo_teacher")), data="demo", epochs=10, validation=500)


def _names(settings: Sequence[Setting]) -> list[str]:
    return [setting.run.name for setting in settings]


def _yardstick(setting: Setting) -> Yardstick:
    dataset = setting.dataset
    return Yardstick(dataset, dataset.test, standard_adversaries(Linf(8 / 255)), setting.teacher, setting.run.teacher)


def _work(settings: Sequence[Setting]) -> float:
    """What the evaluations take: the teacher once, every student's last and best epoch."""
    yardstick = _yardstick(settings[0])
    assert yardstick.teacher is not None
    return yardstick.work(yardstick.teacher) + sum(2 * yardstick.work(setting.student) for setting in settings)
