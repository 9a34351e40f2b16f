"""``robustill evaluate``: a run's last and best epoch, or a single checkpoint, measured and written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import Namespace
from rich.console import Console

from robustill.attacks import Budget
from robustill.cli.arguments import make_parser, parse
from robustill.data import load
from robustill.evaluation import adversaries_named
from robustill.expression import parse as parse_expression
from robustill.measure import Yardstick, checkpoints, load_checkpoint, measure
from robustill.progress import Bar
from robustill.report.records import read_study
from robustill.report.tables import main_table
from robustill.results import RunDirectory
from robustill.setting import choose_device
from robustill.teachers import check_fits, load_teacher


def main(arguments: Sequence[str]) -> None:
    """Evaluates, prints a table and writes evaluation/NAME.json and NAME.npz."""
    parser = make_parser(
        "evaluate",
        "Measures clean and robust accuracy on the test images and, with a teacher, the agreement of input gradients.",
        "RUN|CHECKPOINT [--FIELD VALUE ...]",
    )
    parser.add_argument(
        "target", type=str, help="a run's directory, or a folder with model.safetensors and config.json"
    )
    parser.add_argument("--data", type=str | None, help="where the images come from; default: the run's data")
    parser.add_argument("--teacher", type=str | None, help="the teacher for GD and GC; default: the run's teacher")
    parser.add_argument("--attacks", type=str, default="clean,pgd20", help="names with commas: clean, pgdN")
    parser.add_argument("--budget", type=str, default="Linf(8/255)", help="the ball that attacks search")
    parser.add_argument("--samples", type=int | None, help="a stratified sample of so many test images; default: all")
    parser.add_argument("--batch_size", type=int, default=256, help="images at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the attacks' noise and of the sample")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int | None, help="CPU threads; default: PyTorch's choice")
    evaluate_target(parse(parser, arguments), Console())


def evaluate_target(values: Namespace, console: Console) -> None:
    """The work of the verb, its flags parsed."""
    target = RunDirectory(Path(values.target))
    found = checkpoints(target)
    yardstick, device = _yardstick(values, target)
    models = {name: load_checkpoint(path, yardstick.dataset, device) for name, path in found.items()}
    with Bar(sum(yardstick.work(model) for model in models.values()), console) as bar:
        for name, model in models.items():
            bar.stage(f"evaluating {name}")
            measure(target, name, model, yardstick, bar)
    console.print(main_table(read_study([target.path])).plain(), markup=False, highlight=False, soft_wrap=True)


def _yardstick(values: Namespace, target: RunDirectory) -> tuple[Yardstick, torch.device]:
    if values.threads:
        torch.set_num_threads(values.threads)
    settings, device = target.settings(), choose_device(values.device)
    data = values.data or settings.get("data")
    if data is None:
        raise ValueError(f"{target.path} is no run that names its data. Give --data demo, folder:PATH or npz:PATH.")
    adversaries = adversaries_named(values.attacks.split(","), parse_expression(values.budget, Budget))
    dataset = load(data, image_size=settings.get("image_size"), channels=settings.get("channels"))
    split = dataset.test if values.samples is None else dataset.test.stratified(values.samples, values.seed)
    name, teacher = values.teacher or settings.get("teacher"), None
    if name is not None:
        teacher = load_teacher(name)
        check_fits("Teacher", name, teacher, dataset)
        teacher.to(device)
    return Yardstick(dataset, split, adversaries, teacher, name, values.batch_size, values.seed), device
