"""A table: one content, written as CSV, Markdown, LaTeX, text for a terminal, and (by the page's template) HTML.

    >>> rows = [("TRADES", 81.5), ("RSLAD", Cell("83.0 ± 0.2", value=83.0))]
    >>> table = Table.of("Two networks.", ("Method", "Clean %"), rows)
    >>> print(table.csv(), end="")
    Method,Clean %
    TRADES,81.5
    RSLAD,83
    >>> print(table.markdown(), end="")
    | Method | Clean % |
    | --- | ---: |
    | TRADES | 81.5 |
    | RSLAD | 83.0 ± 0.2 |
    <BLANKLINE>
    Two networks.

What is shown is a text, made once for all formats; the CSV has the numbers the texts were made from, unrounded.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What one cell says.

    Attributes:
        text: as it is shown.
        note: smaller, under the text: an interval.
        value: the number the text was made from, as it stands in the run's files.
        tone: ``better`` or ``worse``, for a difference.
        best: whether it is the best of its column; shown in bold.
        spread: the standard deviation where the text has one, in the unit of the value.
    """

    text: str
    note: str = ""
    value: float | None = None
    tone: str = ""
    best: bool = False
    spread: float | None = None

    @classmethod
    def of(cls, content: Cell | str | float | None) -> Cell:
        """A cell from a text or a number; None is shown as a dash."""
        if isinstance(content, Cell):
            return content
        if content is None:
            return cls("–")
        return cls(content) if isinstance(content, str) else cls(f"{content:,}".replace("-", "−"), value=content)


@dataclass(frozen=True)
class Column:
    """A column's title and what its cells hold.

    Attributes:
        title: with the unit.
        hint: what is measured, in a sentence.
        numeric: whether it is aligned to the right.
        scale: from the cells' values to the title's unit: 100 where values are shares and the title says percent.
        note: what the cells' notes are.
    """

    title: str
    hint: str = ""
    numeric: bool = True
    scale: float = 1.0
    note: str = "note"


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns. The first column names the row; ``name`` is that of its files."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    name: str = "table"

    @classmethod
    def of(
        cls,
        caption: str,
        header: Sequence[str | Column],
        rows: Sequence[Sequence[Cell | str | float | None]],
        *,
        name: str = "table",
    ) -> Table:
        """A table from plain texts and numbers; a column that is only titled is numeric where any cell has a value."""
        cells = tuple(tuple(map(Cell.of, row)) for row in rows)
        columns = tuple(
            title
            if isinstance(title, Column)
            else Column(title, numeric=any(row[i].value is not None for row in cells))
            for i, title in enumerate(header)
        )
        return cls(caption, columns, cells, name)

    def csv(self) -> str:
        """Numbers with all digits in the unit of their column; spreads and notes in columns of their own."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        for line in zip(*(self._csv_columns(index) for index in range(len(self.columns))), strict=True):
            writer.writerow([text for part in line for text in part])
        return file.getvalue()

    def _csv_columns(self, index: int) -> list[list[str]]:
        """One column, its spreads and its notes, line by line from the title down."""
        column, cells = self.columns[index], [row[index] for row in self.rows]
        lines = [[column.title], *([_exact(cell.value, column, cell.text)] for cell in cells)]
        if any(cell.spread is not None for cell in cells):
            lines[0].append(f"{column.title} standard deviation")
            for line, cell in zip(lines[1:], cells, strict=True):
                line.append(_exact(cell.spread, column, ""))
        if any(cell.note for cell in cells):
            lines[0].append(f"{column.title} {column.note}")
            for line, cell in zip(lines[1:], cells, strict=True):
                line.append(cell.note)
        return [[text.replace("\u00a0", " ") for text in line] for line in lines]

    def markdown(self) -> str:
        """GitHub's table syntax; what a reader of it would take for markup is escaped."""
        lines = [[_for_markdown(column.title) for column in self.columns]]
        lines += [["---:" if column.numeric else "---" for column in self.columns]]
        lines += [[_noted(cell, _for_markdown, "**{}**", "({})") for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n{_for_markdown(self.caption)}\n"

    def latex(self) -> str:
        r"""A ``table`` with a ``tabular`` in it; needs ``\usepackage{booktabs}``."""
        columns = "".join("r" if column.numeric else "l" for column in self.columns)
        head = " & ".join(_for_latex(column.title) for column in self.columns)
        body = [
            "    " + " & ".join(_noted(cell, _for_latex, r"\textbf{{{}}}", r"{{\scriptsize ({})}}") for cell in row)
            for row in self.rows
        ]
        return "\n".join(
            [
                r"\begin{table}",
                r"  \centering",
                rf"  \caption{{{_for_latex(self.caption)}}}",
                rf"  \begin{{tabular}}{{{columns}}}",
                r"    \toprule",
                rf"    {head} \\",
                r"    \midrule",
                *(rf"{row} \\" for row in body),
                r"    \bottomrule",
                r"  \end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def plain(self) -> str:
        """Aligned columns of text; notes stand on a second line under their numbers."""
        lines: list[list[str]] = [[column.title for column in self.columns]]
        for row in self.rows:
            lines.append([cell.text for cell in row])
            if any(cell.note for cell in row):
                lines.append([cell.note for cell in row])
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        adjusted = [
            "  ".join(
                text.rjust(width) if column.numeric else text.ljust(width)
                for text, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        ]
        adjusted.insert(1, "─" * max(len(line) for line in adjusted))
        return "\n".join([*adjusted, "", self.caption]) + "\n"


def _exact(value: float | None, column: Column, otherwise: str) -> str:
    """Fifteen digits: all that a sum of floats is good for, without the noise of the last bit."""
    return otherwise if value is None else f"{column.scale * value:.15g}"


def _noted(cell: Cell, escape: Callable[[str], str], bold: str, small: str) -> str:
    text = bold.format(escape(cell.text)) if cell.best else escape(cell.text)
    return f"{text} {small.format(escape(cell.note))}" if cell.note else text


def _for_markdown(text: str) -> str:
    text = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)


LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "[": "{[}",  # after a line's end it would begin an argument
    "*": "{*}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u00a0": "~",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "Δ": r"$\Delta$",
    "δ": r"$\delta$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "ε": r"$\varepsilon$",
    "“": "``",
    "”": "''",
    "’": "'",
    "…": r"\ldots{}",
}
"""What LaTeX reads as something else, or has no glyph for in its usual fonts."""


def _for_latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in " ".join(text.split(" ")).replace("\n", " "))
