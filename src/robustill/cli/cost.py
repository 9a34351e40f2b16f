"""``robustill cost``: what one training step of a method costs, counted on toy networks."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from robustill.attacks import Attack
from robustill.cli.arguments import make_parser, parse
from robustill.cost import Cost, cost
from robustill.expression import parse as parse_expression
from robustill.objectives import Method


def main(arguments: Sequence[str]) -> None:
    """Prints the passes of both networks, and their sum in student forwards."""
    parser = make_parser("cost", "Counts the forwards and backwards of one training step.", "METHOD [--attack ATTACK]")
    parser.add_argument("method", type=str, help="an expression such as 'RSLAD() + IGDM(alpha=10)'")
    parser.add_argument(
        "--attack",
        type=str,
        default="PGD(budget=Linf(8/255), steps=10, step_size=2/255)",
        help="how training searches the budget",
    )
    parser.add_argument(
        "--teacher_ratio",
        type=float,
        default=9.4,
        help="a teacher forward in student forwards: 9.4 for WRN-28-10 and ResNet-18, 11.9 for WRN-34-10",
    )
    values = parse(parser, arguments)
    method = parse_expression(values.method, Method)
    attack = parse_expression(values.attack, Attack)
    counted = cost(method, attack)
    console = Console()
    console.print(f"{method!r} with {attack!r}, one step, for each image:", markup=False, highlight=False)
    console.print(table(counted))
    units = counted.units(values.teacher_ratio)
    console.print(
        f"{units:.1f} student forwards (a backward to the input counts 1, a full one 2, an input gradient that is "
        f"descended 3, the teachers' passes {values.teacher_ratio:g} each)",
        highlight=False,
    )


def table(counted: Cost) -> Table:
    """Forwards and backwards by network and phase."""
    rows = Table("", "forwards", "backwards", box=None)
    for name, passes in (
        ("attack, student", counted.inner_student),
        ("attack, teacher", counted.inner_teacher),
        ("outer step, student", counted.outer_student),
        ("outer step, teacher", counted.outer_teacher),
        ("outer step, second teacher", counted.natural_teacher),
    ):
        backwards = f"{passes.backwards}"
        if passes.double_backwards:
            backwards += f" and {passes.double_backwards} double"
        if name != "outer step, second teacher" or passes.forwards:
            rows.add_row(name, str(passes.forwards), backwards)
    return rows
