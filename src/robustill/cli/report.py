"""``robustill report``: one page about one or more runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robustill.cli.arguments import make_parser, parse
from robustill.files import require_writable
from robustill.report import write_report


def main(arguments: Sequence[str]) -> None:
    """Writes the page and names it."""
    parser = make_parser(
        "report", "Writes one self-contained HTML page about runs.", "RUN... [-o FILE] [--export DIRECTORY]"
    )
    parser.add_argument("runs", type=str, nargs="+", help="directories of runs")
    parser.add_argument("-o", "--output", type=str | None, help="the page; default: report.html in the first run")
    parser.add_argument(
        "--export", type=str | None, help="a directory for the figures as SVG and the tables as CSV, Markdown and LaTeX"
    )
    values = parse(parser, arguments)
    runs, export = [Path(run) for run in values.runs], Path(values.export) if values.export else None
    output = Path(values.output or runs[0] / "report.html")
    require_writable(output)
    if export:
        require_writable(export / "figures" / "any.svg")
    print(f"Open {write_report(runs, output, export=export)}")
    if export:
        print(f"Figures and tables are in {export}.")
