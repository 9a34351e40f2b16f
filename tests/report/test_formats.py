"""Numbers agree with the files they come from, in every format: page, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from robustill.report import write_report
from robustill.report.table import Cell, Column, Table
from tests.report.full import full_pair
from tests.report.read_page import Page

NAMES = {"PGDAT": "base", "PGDAT + IGDM(alpha=10)": "igdm", "Teacher": "teacher"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    write_report(full_pair(folder), folder / "report.html", export=folder / "files")
    return folder


def rows_of(folder: Path, ending: str) -> list[list[str]]:
    """The main table in one format: titles, then rows, as texts without markup."""
    if ending == "html":
        tables = Page((folder / "report.html").read_text(encoding="utf-8")).tables
        found = next(table for table in tables if table[0][0][0] == "Network")
        return [[text for text, _ in row] for row in found]
    text = (folder / "files" / "tables" / f"results.{ending}").read_text(encoding="utf-8")
    if ending == "csv":
        return list(csv.reader(text.splitlines()))
    if ending == "md":
        lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
        return [[cell.strip().replace("**", "") for cell in line.strip("| ").split(" | ")] for line in lines]
    lines = [line for line in text.splitlines() if " & " in line]
    plain = [re.sub(r"\\textbf\{(.*?)\}", r"\1", line).replace(r"\\", "").replace(r"\%", "%") for line in lines]
    return [[cell.strip().replace("~", " ") for cell in line.split(" & ")] for line in plain]


@pytest.mark.parametrize("ending", ["html", "csv", "md", "tex"])
def test_the_main_table_agrees_with_the_evaluations(written: Path, ending: str) -> None:
    head, *rows = rows_of(written, ending)
    titles = [title.replace("\u00a0", " ") for title in head]
    assert len(rows) == 3
    for cells in rows:
        network = re.sub(r"\\.*", "", cells[0])
        evaluation = json.loads((written / NAMES[network] / "evaluation" / f"{cells[1]}.json").read_text())
        for title, key in (("Clean %", "clean"), ("PGD-20 %", "pgd20"), ("AutoAttack %", "autoattack")):
            shown = float(re.match(r"[\d.]+", cells[titles.index(title)])[0])  # type: ignore[index]  # every row has it
            truth = 100 * evaluation["accuracies"][key]["correct"] / evaluation["accuracies"][key]["n"]
            assert shown == (pytest.approx(truth, rel=1e-14) if ending == "csv" else pytest.approx(truth, abs=0.0501))
        for title, key in (("GD", "gd"), ("GC", "gc")):
            index = next(at for at, name in enumerate(titles) if name.startswith(title))
            if key in evaluation["agreement"]:
                truth, shown = evaluation["agreement"][key]["mean"], float(re.match(r"[\d.]+", cells[index])[0])  # type: ignore[index]
                assert shown == (
                    pytest.approx(truth, rel=1e-14) if ending == "csv" else pytest.approx(truth, abs=5.1e-4)
                )


def test_every_table_has_three_files_and_every_figure_one(written: Path) -> None:
    tables = {file.name for file in (written / "files" / "tables").iterdir()}
    stems = {Path(name).stem for name in tables}
    assert tables == {f"{stem}.{ending}" for stem in stems for ending in ("csv", "md", "tex")}
    assert {"results", "tradeoff", "stages", "gap", "classes", "radius-pgd20", "epochs", "numbers", "cost"} <= stems
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    figures = list((written / "files" / "figures").iterdir())
    assert len(figures) == len([a for a in page.named("svg") if a.get("role") == "img"])
    assert {figure.suffix for figure in figures} == {".svg"}


def test_the_numbers_in_csv_are_those_of_the_files_digit_by_digit(written: Path) -> None:
    with (written / "files" / "tables" / "numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Run"] == "igdm" and row["Measured"] == "PGD-20"]
    (row,) = rows
    truth = json.loads((written / "igdm" / "evaluation" / "best.json").read_text())["accuracies"]["pgd20"]
    assert (int(row["n"]), int(row["Correct"])) == (truth["n"], truth["correct"])
    assert [float(row[key]) for key in ("Value", "95 % low", "95 % high")] == pytest.approx(
        [truth["accuracy"], *truth["interval_95"]], rel=1e-14
    )


def test_spreads_and_notes_have_columns_of_their_own_in_csv() -> None:
    cell = Cell("80.0 ± 1.0", "77.5–82.5", 0.8, spread=0.01)
    table = Table(
        "",
        (Column("Network", numeric=False), Column("Clean %", scale=100, note="95 % interval")),
        ((Cell("a,b"), cell),),
    )
    assert table.csv().splitlines() == [
        "Network,Clean %,Clean % standard deviation,Clean % 95 % interval",
        '"a,b",80,1,77.5–82.5',
    ]


def test_latex_has_bold_and_nothing_that_it_reads_as_a_command() -> None:
    table = Table.of(
        r"50 % of \input{x} & #1_$", ("Name", "Δ %"), [("a_b^~{}", Cell("−1.5\u00a0±", value=-1.5, best=True))]
    )
    text = table.latex()
    assert r"\caption{50 \% of \textbackslash{}input\{x\} \& \#1\_\$}" in text
    assert r"a\_b\textasciicircum{}\textasciitilde{}\{\} & \textbf{$-$1.5~$\pm$} \\" in text
    assert r"\begin{tabular}{lr}" in text and r"Name & $\Delta$ \% \\" in text


def test_a_latex_row_does_not_begin_with_an_argument_of_the_line_before() -> None:
    assert "    {[}cat] \\\\\n    {*} \\\\" in Table.of("", ("Class",), [("[cat]",), ("*",)]).latex()


def test_markdown_shows_names_as_they_are() -> None:
    table = Table.of("", ("Name",), [("[x](javascript:1) *a* <b> `c`",)])
    assert table.markdown().splitlines()[2] == r"| \[x\](javascript:1) \*a\* &lt;b> \`c\` |"


def test_a_table_of_plain_texts_and_numbers_knows_its_numeric_columns() -> None:
    table = Table.of("Two.", ("Method", "n", "share"), [("A", 1200, 0.5), ("B", None, -0.25)])
    assert [column.numeric for column in table.columns] == [False, True, True]
    assert [[cell.text for cell in row] for row in table.rows] == [["A", "1,200", "0.5"], ["B", "–", "−0.25"]]
    assert table.csv() == "Method,n,share\nA,1200,0.5\nB,–,-0.25\n"
