from __future__ import annotations

from pathlib import Path

from robustill.report import main_table, read_study
from robustill.report.table import Cell, Column, Table
from robustill.report.tables import paired_table, raw_table
from tests.report.fabricate import evaluate, run_directory, teacher_directory

IGDM = "PGDAT() + IGDM(alpha=10)"
TABLE = Table(
    "A <caption>.",
    (Column("Name", numeric=False), Column("a | b")),
    ((Cell("<i>x</i>", "note"), Cell("1.5", "1.0–2.0", 1.5)), (Cell("y"), Cell("–"))),
)


def test_markdown_has_one_row_a_row_and_no_markup_from_names() -> None:
    assert TABLE.markdown().splitlines() == [
        "| Name | a \\| b |",
        "| --- | ---: |",
        "| &lt;i>x&lt;/i> (note) | 1.5 (1.0–2.0) |",
        "| y | – |",
        "",
        "A &lt;caption>.",
    ]


def test_plain_text_aligns_numbers_and_puts_notes_below_them() -> None:
    assert TABLE.plain().splitlines() == [
        "Name        a | b",
        "─────────────────",
        "<i>x</i>      1.5",
        "note      1.0–2.0",
        "y               –",
        "",
        "A <caption>.",
    ]


def column(table: Table, title: str) -> list[Cell]:
    index = [c.title.replace("\u00a0", " ") for c in table.columns].index(title)
    return [row[index] for row in table.rows]


def test_the_teacher_comes_first_then_best_before_last(tmp_path: Path) -> None:
    both = {name: {"clean": 0.9, "pgd20": 0.8} for name in ("last", "best", "swa")}
    paths = [run_directory(tmp_path / "run", accuracies=both), teacher_directory(tmp_path / "t", {"clean": 0.95})]
    table = main_table(read_study(paths))
    assert [(row[0].text, row[1].text) for row in table.rows] == [
        ("Teacher", "best"),
        ("PGDAT", "best"),
        ("PGDAT", "last"),
        ("PGDAT", "swa"),
    ]
    assert [cell.text for cell in column(table, "PGD-20 %")] == ["–", "80.0", "80.0", "80.0"]
    assert [cell.text for cell in column(table, "Parameters")] == ["839,434", "20,490", "20,490", "20,490"]


def test_one_seed_has_the_interval_over_images_and_several_their_spread(tmp_path: Path) -> None:
    paths = [
        run_directory(tmp_path / f"{seed}", seed=seed, accuracies={"best": {"clean": share}})
        for seed, share in enumerate((0.7, 0.8, 0.9))
    ]
    (one,) = column(main_table(read_study(paths[:1])), "Clean %")
    assert (one.text, one.note, one.value) == ("70.0", "65.3–74.3", 0.7)
    table = main_table(read_study(paths))
    (three,) = column(table, "Clean %")
    assert (three.text, three.note) == ("80.0 ± 10.0", "55.2–100.0")
    assert [cell.text for cell in column(table, "Seeds")] == ["3"]
    assert "mean ± standard deviation" in table.caption


def test_seeds_that_were_not_evaluated_are_counted(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "0", accuracies={"best": {"clean": 0.8}}), run_directory(tmp_path / "1", seed=1)]
    assert [cell.text for cell in column(main_table(read_study(paths)), "Seeds")] == ["1 of 2"]


def test_seeds_that_were_never_evaluated_are_the_same_number_on_the_page_and_in_csv(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / str(seed), seed=seed) for seed in range(2)]
    found = main_table(read_study(paths))
    assert [cell.text for cell in found.rows[0]][-2] == "2"
    assert found.csv().splitlines()[1].split(",")[-2] == "2"


def test_the_paired_difference_stands_beside_the_strongest_attack(tmp_path: Path) -> None:
    paths = [
        run_directory(
            tmp_path / method[:8] / str(seed), method=method, seed=seed, accuracies={"best": {"pgd20": share}}
        )
        for method, shares in (("PGDAT()", (0.7, 0.72)), (IGDM, (0.75, 0.78)))
        for seed, share in enumerate(shares)
    ]
    cells = column(main_table(read_study(paths)), "Δ PGD-20")
    assert [(cell.text, cell.tone) for cell in cells] == [("", ""), ("+5.5", "unclear")]
    assert cells[1].note == "−0.9 to +11.9"
    differences = [cell.text for cell in column(paired_table(read_study(paths)), "Difference")]
    assert differences == ["+5.0", "+6.0", "0.000", "0.000", "0.000", "0.000"]


def test_an_unfinished_and_an_unevaluated_run_say_so(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "a", done=2), run_directory(tmp_path / "b", method="RSLAD()")]
    table = main_table(read_study(paths))
    assert [row[0].note for row in table.rows] == ["unfinished: 2 of 6 epochs, not evaluated", "not evaluated"]
    assert table.caption == "Nothing has been evaluated yet."


def test_the_caption_tells_attacks_of_one_name_apart(tmp_path: Path) -> None:
    paths = [run_directory(tmp_path / "a"), run_directory(tmp_path / "b", method=IGDM)]
    evaluate(paths[0], "best", {"clean": 0.9, "pgd20": 0.7}, n=200)
    evaluate(paths[1], "best", {"clean": 0.9, "pgd20": 0.8}, adversary="PGD(budget=Linf(4/255))")
    caption = main_table(read_study(paths)).caption
    assert caption.startswith(
        "Measured on a subset of 200 of the 2,000 test images (Clean, PGD-20) and a subset of 400 of the 2,000 test "
        "images (Clean, PGD-20) of demo."
    )
    assert "PGD-20 was not the same attack in every row: PGD(budget=Linf(4/255)); PGD(budget=Linf(8/255)" in caption


def test_every_number_of_the_files_is_in_the_raw_table(tmp_path: Path) -> None:
    path = run_directory(tmp_path / "run")
    written = evaluate(path, "best", {"clean": 0.9, "pgd20": 0.7325}, agreement=(0.41, 0.66))
    table = raw_table(read_study([path]))
    values = {row[4].text: [cell.value for cell in row[6:]] for row in table.rows}
    attacked, gd = written.accuracies["pgd20"], written.agreement["gd"]
    assert values["PGD-20"] == [400, 293, attacked.accuracy, *attacked.interval]
    assert values["GD"] == [400, None, gd.mean, *gd.interval]
