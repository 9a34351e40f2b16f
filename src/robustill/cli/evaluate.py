"""``robustill evaluate``: a run's last and best epoch, or a single checkpoint, measured and written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robustill.attacks import Budget
from robustill.cli.arguments import make_parser, parse
from robustill.expression import parse as parse_expression
from robustill.measure import measure_run
from robustill.report import main_table, read_study
from robustill.results import RunDirectory
from robustill.setting import use_threads


def main(arguments: Sequence[str]) -> None:
    """Evaluates, prints a table and writes evaluation/NAME.json and NAME.npz."""
    parser = make_parser(
        "evaluate",
        "Measures clean and robust accuracy on the test images and, with a teacher, the agreement of input gradients.",
        "RUN|CHECKPOINT [--FIELD VALUE ...]",
    )
    parser.add_argument(
        "target",
        type=str,
        metavar="RUN|CHECKPOINT",
        help="a run's directory, or a folder with model.safetensors and config.json",
    )
    parser.add_argument("--data", type=str | None, help="where the images come from; default: the run's data")
    parser.add_argument("--teacher", type=str | None, help="the teacher for GD and GC; default: the run's teacher")
    parser.add_argument(
        "--attacks", type=str, default="clean,pgd20", help="names with commas: clean, fgsm, pgdN, autoattack ..."
    )
    parser.add_argument("--budget", type=str, default="Linf(8/255)", help="the ball that attacks search")
    parser.add_argument("--samples", type=int | None, help="a stratified sample of so many test images; default: all")
    parser.add_argument("--batch_size", type=int, default=256, help="images at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the attacks' noise and of the sample")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int | None, help="CPU threads; default: PyTorch's choice")
    values = parse(parser, arguments)
    use_threads(values.threads)
    target, console = RunDirectory(Path(values.target)), Console()
    measure_run(
        target,
        data=values.data,
        teacher=values.teacher,
        attacks=values.attacks.split(","),
        budget=parse_expression(values.budget, Budget),
        samples=values.samples,
        batch_size=values.batch_size,
        seed=values.seed,
        device=values.device,
        console=console,
    )
    console.print(main_table(read_study([target.path])).plain(), markup=False, highlight=False, soft_wrap=True)
