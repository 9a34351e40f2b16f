"""``robustill doctor``: versions, hardware, disk and extras in one screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustill.cli.arguments import make_parser, parse
from robustill.doctor import findings

MARKS = {
    "fine": "[green]ok[/green]",
    "absent": "[dim]--[/dim]",
    "warning": "[yellow]! [/yellow]",
    "bad": "[red]!![/red]",
}


def main(arguments: Sequence[str]) -> int:
    """Prints what was found; 1 if something is in the way of a run."""
    parser = make_parser("doctor", "Looks at versions, hardware, disk space and extras.", "[--output DIRECTORY]")
    parser.add_argument("--output", type=str, default="runs", help="where runs are to be written")
    found = list(findings(Path(parse(parser, arguments).output)))
    table = Table(box=None, show_header=False)
    for finding in found:
        table.add_row(MARKS[finding.state], Text(finding.what), Text(finding.found))
    Console().print(table)
    return int(any(finding.state == "bad" for finding in found))
