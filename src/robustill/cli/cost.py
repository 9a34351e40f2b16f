"""``robustill cost``: what one training step of a method costs, beside what it costs in the published code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from robustill.attacks import PGD, Attack
from robustill.cli.arguments import make_parser, parse
from robustill.cost import Cost, Passes, cost, forward_macs
from robustill.data import load
from robustill.expression import parse as parse_expression
from robustill.models import create_model
from robustill.objectives import Method
from robustill.published import Published, published
from robustill.teachers import check_fits, load_teacher

WIDE_RESNET = 9.4
"""A forward of WRN-28-10 over one of ResNet-18."""

PHASES = {
    "attack, student": "inner_student",
    "attack, teacher": "inner_teacher",
    "outer step, student": "outer_student",
    "outer step, teacher": "outer_teacher",
    "outer step, second teacher": "natural_teacher",
}


def main(arguments: Sequence[str]) -> None:
    """Prints the passes of both networks, ours and the published ones, and their sums in student forwards."""
    parser = make_parser(
        "cost",
        "Counts the forwards and backwards of one training step, beside those of the published code.",
        "METHOD [--teacher URI --student MODEL]",
    )
    parser.add_argument("method", type=str, help="an expression such as 'RSLAD() + IGDM(alpha=10)'")
    parser.add_argument(
        "--attack",
        type=str,
        default="PGD(budget=Linf(8/255), steps=10, step_size=2/255)",
        help="how training searches the budget",
    )
    parser.add_argument(
        "--progress",
        type=float,
        default=1.0,
        help="how much of the run is done, in (0, 1]: what waits for its beginning costs nothing before it",
    )
    parser.add_argument(
        "--teacher_ratio",
        type=float,
        help=f"a teacher forward in student forwards; default: {WIDE_RESNET}, WRN-28-10 over ResNet-18",
    )
    parser.add_argument("--teacher", type=str | None, help="measure that ratio: of this teacher (robustill list)")
    parser.add_argument("--student", type=str | None, help="over this student, such as resnet18 (robustill list)")
    parser.add_argument("--data", type=str | None, help="on images of this size; default: 32x32")
    values = parse(parser, arguments)
    if not 0 < values.progress <= 1:
        raise ValueError(f"--progress must lie in (0, 1], 1 being the last epoch. Found: {values.progress}.")
    method = parse_expression(values.method, Method)
    attack = parse_expression(values.attack, Attack)
    counted = cost(method, attack, progress=values.progress)
    ratio = teacher_ratio(values)
    theirs = published(method, values.progress)
    known = theirs.cost(attack.steps) if theirs is not None and isinstance(attack, PGD) else None
    console = Console()
    console.print(
        f"{method!r} with {attack!r}, one step, for each image:", markup=False, highlight=False, soft_wrap=True
    )
    console.print(table(counted, theirs.code if theirs else "", known))
    for line in sentences(counted, ratio, theirs, known):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def teacher_ratio(values: Namespace) -> float:
    """The ratio that was given, or that of two networks' multiply-accumulates."""
    given = [f"--{name}" for name in ("teacher", "student", "data") if values[name] is not None]
    if values.teacher_ratio is not None:
        if given:
            raise ValueError(
                f"The ratio is given by --teacher_ratio or measured from networks. Found: both, {', '.join(given)} too."
            )
        if not 0 <= values.teacher_ratio < float("inf"):
            raise ValueError(f"--teacher_ratio must be a finite number of at least 0. Found: {values.teacher_ratio}.")
        return float(values.teacher_ratio)
    if not given:
        return WIDE_RESNET
    if values.teacher is None or values.student is None:
        raise ValueError(
            f"A measured ratio takes two networks, --teacher and --student. Found: {' and '.join(given)} alone."
        )
    teacher = load_teacher(values.teacher)
    size: tuple[int, ...] = (32, 32)
    if values.data is not None:
        dataset = load(values.data)
        check_fits("Teacher", values.teacher, teacher, dataset)
        size = dataset.image_size
    config = teacher.config
    image = torch.zeros(1, config.in_channels, *size)
    student = create_model(values.student, config.num_classes, in_channels=config.in_channels)
    return forward_macs(teacher, image) / forward_macs(student, image)


def table(counted: Cost, code: str, known: Cost | None) -> Table:
    """Forwards and backwards by network and phase, ours and, where they are known, the published ones."""
    rows = Table("", "ours:\nforwards", "\nbackwards", box=None)
    if known is not None:
        rows.add_column(f"{code}:\nforwards")
        rows.add_column("\nbackwards")
    for name, phase in PHASES.items():
        passes = [getattr(each, phase) for each in (counted, known) if each is not None]
        if name != "outer step, second teacher" or any(each.forwards for each in passes):
            rows.add_row(name, *(cell for each in passes for cell in (str(each.forwards), _backwards(each))))
    return rows


def _backwards(passes: Passes) -> str:
    """How many and of what kind: to the input, unless something else is said."""
    kinds = {"": passes.backwards - passes.to_weights, " full": passes.to_weights, " double": passes.double_backwards}
    return " and ".join(f"{number}{kind}" for kind, number in kinds.items() if number) or "0"


def sentences(counted: Cost, ratio: float, theirs: Published | None, known: Cost | None) -> list[str]:
    """The sums in student forwards, how passes are added up, and what the difference is made of."""
    ours = counted.units(ratio)
    if theirs is None:
        beside = ". No published code of this method with these terms to compare with."
    elif known is None:
        beside = ". The published code attacks with PGD: compare with --attack PGD."
    else:
        units = known.units(ratio)
        beside = f", {units:.1f} in {theirs.code}: {100 * (ours / units - 1):+.1f} %."
    result = [
        f"{ours:.1f} student forwards{beside}",
        "A backward to the input counts 1, a full one 2, an input gradient that is descended 3, "
        f"the teachers' passes {ratio:.3g} times as much.",
    ]
    return [*result, f"What theirs makes besides: {theirs.surplus}."] if theirs and known and theirs.surplus else result
