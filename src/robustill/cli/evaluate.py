"""``robustill evaluate``: a run's last and best epoch, or a single checkpoint, measured and written down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console

from robustill.attacks import Budget
from robustill.cli.arguments import make_parser, parse
from robustill.cli.findings import findings
from robustill.evaluation import Shard, split_names
from robustill.expression import parse as parse_expression
from robustill.measure import measure_run
from robustill.prepare import use_threads
from robustill.report import main_table, read_study
from robustill.results import RunDirectory
from robustill.team import gathered, here

ATTACKS = (
    "names with commas: clean, fgsm, pgdN, pgdNxR (R restarts), cwN, apgd-ce, apgd-dlr, apgd-t, fab-t, square, "
    "autoattack, autoattack-quick, noise, vmi (needs --surrogate); NAME@L2(128/255) has a budget of its own; an "
    "expression such as PGD(budget=Linf(8/255), step_size=2/255); pkg.mod:function, called with model, images, labels"
)
SHARD = (
    "i/n: measure every n-th batch from the i-th only, and keep the parts; when all n are done, the same command "
    "without --shard puts them together"
)


def main(arguments: Sequence[str]) -> None:
    """Evaluates, prints a table and writes evaluation/NAME.json and NAME.npz."""
    parser = make_parser(
        "evaluate",
        "Measures clean and robust accuracy on the test images and, with a teacher, the agreement of input gradients. "
        "Finished batches are kept: the same command goes on where an interrupted one stopped.",
        "RUN|CHECKPOINT [--FIELD VALUE ...]",
    )
    _add_arguments(parser)
    values = parse(parser, arguments)
    use_threads(values.threads)
    target, console = RunDirectory(Path(values.target)), Console()
    budget = parse_expression(values.budget, Budget)
    shard = None if values.shard is None else Shard.parse(values.shard)
    with gathered():
        measured = measure_run(
            target,
            data=values.data,
            image_size=values.image_size,
            channels=values.channels,
            teacher=values.teacher,
            attacks=split_names(values.attacks),
            budget=budget,
            eps=[_radius(word, budget) for word in values.eps.split(",")] if values.eps else (),
            measures=[name.strip() for name in values.measures.split(",")] if values.measures else (),
            surrogate=values.surrogate,
            engine=values.engine,
            samples=values.samples,
            batch_size=values.batch_size,
            seed=values.seed,
            shard=shard,
            force=values.force,
            device=values.device,
            console=console,
        )
        if not here().leads:
            return
    if shard is not None:
        console.print(
            f"Shard {shard.index} of {shard.count} is done. When all are: the same command without --shard.",
            highlight=False,
        )
        return
    for text in (main_table(read_study([target.path])).plain(), *findings(measured)):
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target",
        type=str,
        metavar="RUN|CHECKPOINT",
        help="a run's directory, or a folder with model.safetensors and config.json",
    )
    parser.add_argument("--data", type=str | None, help="where the images come from; default: the run's data")
    parser.add_argument("--image_size", type=int | None, help="side of the images in pixels; default: as the run's")
    parser.add_argument("--channels", type=int | None, help="1 (grey) or 3 (colour); default: as the run's")
    parser.add_argument("--teacher", type=str | None, help="the teacher for GD and GC; default: the run's teacher")
    parser.add_argument("--attacks", type=str, default="clean,pgd20", help=ATTACKS)
    parser.add_argument("--budget", type=str, default="Linf(8/255)", help="the ball that attacks search")
    parser.add_argument("--eps", type=str | None, help="radii with commas: a curve for every attack over --budget")
    parser.add_argument(
        "--measures",
        type=str | None,
        help="names with commas: distance (of the logits to the teacher's), remainder (of the linearisation)",
    )
    parser.add_argument("--surrogate", type=str | None, help="the network on which vmi is found, written as a teacher")
    parser.add_argument("--engine", type=str, default="ours", help="of AutoAttack: ours, or reference (pyautoattack)")
    parser.add_argument("--samples", type=int | None, help="a stratified sample of so many test images; default: all")
    parser.add_argument("--batch_size", type=int, default=256, help="images at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the attacks' noise and of the sample")
    parser.add_argument("--shard", type=str | None, help=SHARD)
    parser.add_argument("--force", action="store_true", help="attack at length although clean accuracy is at chance")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int | None, help="CPU threads; default: PyTorch's choice")


def _radius(text: str, budget: Budget) -> float:
    """A radius such as 4/255, checked as the budget's own is.

    Raises:
        ValueError: it is no number, or none that this ball can have.
    """
    if not re.fullmatch(r"[\d\s./*e+-]+", text):
        raise ValueError(f"eps needs radii with commas, such as 2/255,4/255,8/255. Found: {text!r}.")
    return parse_expression(f"{type(budget).__name__}({text})", Budget).radius
