"""The report: run directories in, one HTML page out. Reads results only; never imports torch.

::

    from pathlib import Path
    from robustill.report import main_table, read_study, verdict, write_report

    runs = [Path("runs/teacher"), Path("runs/pgdat"), Path("runs/pgdat+igdm")]
    write_report(runs, Path("report.html"), export=Path("report"))  # and figures as SVG, tables as CSV, Markdown, LaTeX

The page is made of pieces that can be used alone. A *study* is the runs, read once, told apart into teachers and
students, grouped by everything but the seed, and paired: a base method with the same method plus a term such as IGDM.
From it come the result in words and the main table::

    study = read_study(runs)
    print(verdict(study))
    print(main_table(study).plain())  # or .markdown(), .csv(), .latex()

The drawings are in ``robustill.report.figures`` (plain numbers to matplotlib axes), the page's parts in
``robustill.report.sections``: one function each, listed from top to bottom. Both import matplotlib; this one does not.

Whatever is missing reads as missing: a run that still trains, a run that was not evaluated, a pair without a seed in
common are each said in words, never guessed.
"""

from robustill.report.page import write_report
from robustill.report.records import Study, read_study
from robustill.report.table import Table
from robustill.report.tables import main_table
from robustill.report.verdict import Verdict, verdict

__all__ = ["write_report", "Study", "read_study", "Table", "main_table", "Verdict", "verdict"]
