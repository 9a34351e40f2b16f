"""The numbers of a target as tables: the paper's layout with its numbers beside ours, and what IGDM changes."""

from __future__ import annotations

from robustill.recipes.paper import Cell
from robustill.report.table import Cell as Shown
from robustill.report.table import Column, Table
from robustill.reproduce.collect import Collected, Number
from robustill.reproduce.scales import Scale


def tables(found: Collected, scale: Scale) -> list[Table]:
    """Every table of a target: one for each dataset, and the differences where methods stand with and without IGDM."""
    kinds = dict.fromkeys((cell.dataset, bool(cell.method)) for cell in found.cells)
    made = [_values(found, scale, dataset, students=students) for dataset, students in kinds]
    pairs = [pair for pair in differences(found) if pair.values or pair.paper is not None]
    return [*made, _differences(pairs, scale, found)] if pairs else made


def differences(found: Collected) -> list[Number]:
    """With IGDM minus without, seed by seed, of every cell and measure that has both."""
    candidates = (found.difference(number) for number in found.numbers.values())
    return [one for one in candidates if one is not None]


def _values(found: Collected, scale: Scale, dataset: str, *, students: bool) -> Table:
    """Rows are methods, or teachers; columns the measures, for students once for each teacher."""
    cells = [cell for cell in found.cells if cell.dataset == dataset and bool(cell.method) == students]
    teachers = list(dict.fromkeys(cell.teacher for cell in cells)) if students else []
    titles = list(dict.fromkeys(number.measure.title for cell in cells for number in found.of(cell)))
    several = len(teachers) > 1
    header = (
        [Column(f"{teacher}: {title}", note="paper") for teacher in teachers for title in titles]
        if several
        else [Column(title, note="paper") for title in titles]
    )
    rows: dict[str, list[str | Shown]] = {}
    for cell in cells:
        row = cell.row if students else scale.block_words(cell.dataset, cell.teacher)
        rows.setdefault(row, [row]).extend(map(_shown, found.of(cell)))
    title = "Method" if students else "Teacher"
    name = found.target.name if students or not found.target.measures(scale) else f"{found.target.name}-teachers"
    return Table.of(_caption(found, scale, cells), (title, *header), [*rows.values()], name=name)


def _shown(number: Number) -> Shown:
    """Mean and spread over the seeds, the paper's number beneath."""
    note = "" if number.paper is None else f"paper {number.measure.show(number.paper)}"
    if number.mean is None:
        return Shown("–", note)
    text = number.measure.show(number.mean)
    if number.spread is not None:
        text += f" ± {number.measure.show(number.spread)}"
    return Shown(text, note, value=number.mean, spread=number.spread)


def _differences(pairs: list[Number], scale: Scale, found: Collected) -> Table:
    several = len(scale.blocks) > 1
    rows = []
    for pair in pairs:
        show, cell = pair.measure.difference, pair.cell
        low_high = "–" if pair.interval is None else f"{show(pair.interval[0])} to {show(pair.interval[1])}"
        mean = None if pair.mean is None else Shown(show(pair.mean), value=pair.mean, tone=tone(pair))
        paper = None if pair.paper is None else Shown(show(pair.paper), value=pair.paper)
        both = pair.mean is not None and pair.paper is not None
        apart = pair.mean - pair.paper if both else None  # type: ignore[operator]  # both are numbers
        rows.append(
            [
                *([scale.block_words(cell.dataset, cell.teacher)] if several else []),
                cell.method,
                pair.measure.title,
                mean,
                low_high,
                Shown(str(len(pair.values)), value=len(pair.values)),
                ", ".join(show(value) for value in pair.values.values()) or "–",
                paper,
                None if apart is None else Shown(show(apart), value=apart),
            ]
        )
    header = ["Block"] if several else []
    header += ["Method", "Measure", "IGDM − base", "95 % interval", "seeds", "by seed", "paper", "ours − paper"]
    caption = (
        "With IGDM minus without, paired by seed; the interval is the t-interval of the mean over the seeds. It holds "
        "what seeds change, not the choice of the test images, which are the same for all."
    )
    return Table.of(caption, header, rows, name=f"{found.target.name}-differences")


def tone(pair: Number) -> str:
    """Whether a difference is for the better or the worse, beyond its interval."""
    if pair.interval is None or pair.interval[0] <= 0 <= pair.interval[1]:
        return ""
    return "better" if (pair.interval[0] > 0) == pair.measure.higher else "worse"


def _caption(found: Collected, scale: Scale, cells: list[Cell]) -> str:
    numbers = [number for cell in cells for number in found.of(cell)]
    images = ", ".join(f"{name} on {n:,}" for name, n in dict.fromkeys((n.measure.name, n.n) for n in numbers if n.n))
    made = [f"{found.target.title}."]
    for student in dict.fromkeys(cell.student for cell in cells if cell.student):
        place = "" if scale.student_words(student) == student else f" in the place of {student}"
        made.append(f"Student: {scale.student_words(student)}{place}.")
    blocks = dict.fromkeys(scale.block_words(cell.dataset, cell.teacher) for cell in cells)
    made += [f"Images and teacher: {'; '.join(blocks)}."]
    if images:
        made.append(f"Test images: {images}.")
    elif any(number.values for number in numbers):
        made.append("Measured while training, on images held out of the training set.")
    else:
        made.append("Nothing has been measured yet.")
    if any(number.measure.sheet.startswith("autoattack") for number in numbers):
        made.append(f"AA is {scale.sheets['autoattack'].attacks[0]}.")
    seeds = {len(number.values) for number in numbers if number.cell.method}
    if seeds:
        some = f"{min(seeds)} to {max(seeds)}, some are missing" if len(seeds) > 1 else f"{max(seeds)}"
        made.append(f"Seeds: {some}; mean ± standard deviation.")
    beside = dict.fromkeys(f"{cell.dataset}, {cell.teacher}" for cell in cells)
    made.append(f"Last epoch. Beneath or in brackets the paper's number, of its own networks ({'; '.join(beside)}).")
    return " ".join(made)


def sentences(found: Collected) -> list[str]:
    """What IGDM changes, one sentence a measure."""
    made = []
    by_measure: dict[str, list[Number]] = {}
    for pair in differences(found):
        if pair.mean is not None:
            by_measure.setdefault(pair.measure.title, []).append(pair)
    for title, pairs in by_measure.items():
        good = sum((pair.mean or 0.0) * (1 if pair.measure.higher else -1) > 0 for pair in pairs)
        sure, harmed = (sum(tone(pair) == which for pair in pairs) for which in ("better", "worse"))
        text = f"{title}: with IGDM better in {good} of {len(pairs)}"
        if any(pair.interval for pair in pairs):
            text += f", beyond the 95 % interval in {sure}; worse beyond it in {harmed}"
        made.append(f"{text}.")
    return made
