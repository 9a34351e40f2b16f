"""``robustill report``: one page about one or more runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robustill.cli.arguments import make_parser, parse
from robustill.report import write_report


def main(arguments: Sequence[str]) -> None:
    """Writes the page and names it."""
    parser = make_parser("report", "Writes one self-contained HTML page about runs.", "RUN... [-o FILE]")
    parser.add_argument("runs", type=str, nargs="+", help="directories of runs")
    parser.add_argument("-o", "--output", type=str | None, help="the page; default: report.html in the first run")
    values = parse(parser, arguments)
    runs = [Path(run) for run in values.runs]
    print(f"Open {write_report(runs, Path(values.output) if values.output else runs[0] / 'report.html')}")
