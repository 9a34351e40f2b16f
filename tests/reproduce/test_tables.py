"""Means, intervals and differences over seeds, and how they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustill.recipes.paper import Cell
from robustill.report.statistics import over_seeds
from robustill.reproduce.collect import Collected, Number
from robustill.reproduce.drawings import drawings, facts
from robustill.reproduce.measures import AA, GC, GD, Measure
from robustill.reproduce.published import published
from robustill.reproduce.scales import Scale
from robustill.reproduce.tables import differences, sentences, tables, tone
from robustill.reproduce.targets import TARGETS
from robustill.reproduce.write import rows, to_json
from tests.reproduce.toy import toy

BASE = Cell("CIFAR-100", "ResNet-18", "BDM-AT", "ARD")
PLUS = Cell("CIFAR-100", "ResNet-18", "BDM-AT", "ARD", True)


def number(cell: Cell, measure: Measure, *values: float) -> Number:
    seeds = dict(enumerate(values))
    return Number(cell, measure, seeds, 500, "how", published("fig4", cell, measure.name))


def collected(*numbers: Number) -> Collected:
    return Collected(TARGETS["fig4"], {(n.cell, n.measure.name): n for n in numbers}, ())


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    return toy(tmp_path_factory.mktemp("scale"), seeds=3)


def test_differences_are_paired_by_seed_and_have_a_t_interval() -> None:
    found = collected(number(BASE, AA, 20.0, 21.0, 22.0), number(PLUS, AA, 21.0, 22.5, 23.0))
    (pair,) = differences(found)
    assert [*pair.values.values()] == [1.0, 1.5, 1.0]
    assert pair.interval == over_seeds([1.0, 1.5, 1.0]) and pair.interval[0] > 0
    assert pair.paper == pytest.approx(29.42 - 24.77)
    assert tone(pair) == "better"


def test_only_seeds_that_both_have_are_paired() -> None:
    found = collected(number(BASE, AA, 20.0), number(PLUS, AA, 21.0, 40.0))
    (pair,) = differences(found)
    assert pair.values == {0: 1.0} and pair.interval is None and pair.spread is None and tone(pair) == ""


@pytest.mark.parametrize(("measure", "which"), [(GD, "worse"), (GC, "better")], ids=["GD", "GC"])
def test_less_gd_and_more_gc_are_better(measure: Measure, which: str) -> None:
    (pair,) = differences(collected(number(BASE, measure, 0.1, 0.2, 0.3), number(PLUS, measure, 0.2, 0.3, 0.41)))
    assert tone(pair) == which


def test_tables_have_the_papers_numbers_and_what_remains(scale: Scale) -> None:
    found = collected(number(BASE, AA, 20.0, 21.0, 22.0), number(PLUS, AA, 21.0, 22.5, 23.0))
    values, changed = tables(found, scale)
    assert [[cell.text for cell in row] for row in values.rows] == [
        ["ARD", "21.00 ± 1.00"],
        ["ARD + IGDM", "22.17 ± 1.04"],
    ]
    assert [row[1].note for row in values.rows] == ["paper 24.77", "paper 29.42"]
    assert "AA on 500" in values.caption and "Seeds: 3" in values.caption and "noise" in values.caption
    (row,) = changed.rows
    low, high = over_seeds([1.0, 1.5, 1.0])
    texts = ["ARD", "AA %", "+1.17", f"{low:+.2f} to {high:+.2f}", "3", "+1.00, +1.50, +1.00", "+4.65", "−3.48"]
    assert [cell.text for cell in row] == texts


def test_a_sentence_counts_methods(scale: Scale) -> None:
    found = collected(number(BASE, AA, 20.0, 21.0, 22.0), number(PLUS, AA, 21.0, 22.5, 23.0))
    assert sentences(found) == [
        "AA %: with IGDM better in 1 of 1, beyond the 95 % interval in 1; worse beyond it in 0."
    ]
    assert sentences(collected(number(BASE, AA, 20.0))) == []


def test_the_json_has_everything_and_the_csv_the_same(scale: Scale, tmp_path: Path) -> None:
    found = collected(number(BASE, AA, 20.0, 21.0, 22.0), number(PLUS, AA, 21.0, 22.5, 23.0))
    whole = to_json(found, scale, tmp_path)
    assert whole["numbers"][0]["by_seed"] == {"0": 20.0, "1": 21.0, "2": 22.0}
    assert whole["numbers"][0]["standard_deviation"] == 1.0 and whole["numbers"][0]["images"] == 500
    assert whole["differences"][0]["interval_95"] == [*over_seeds([1.0, 1.5, 1.0])]
    assert "CPU cores" in whole["machine"] and whole["notes"]
    assert rows(found).splitlines()[
        1
    ] == "value,CIFAR-100,ResNet-18,BDM-AT,ARD,False,AA,21.0,1.0,{},{},3,500,24.77".format(
        *over_seeds([20.0, 21.0, 22.0])
    )


def test_figure_4_has_a_line_with_r_and_n_ours_and_the_papers(scale: Scale) -> None:
    cells = [Cell(*("CIFAR-100", "ResNet-18", "BDM-AT"), method) for method in ("ARD", "IAD", "RSLAD")]
    places = zip(cells, (20.0, 21.0, 22.0), (0.1, 0.2, 0.3), strict=True)
    numbers = [n for cell, a, c in places for n in (number(cell, AA, a), number(cell, GC, c), number(cell, GD, 1 - c))]
    found = collected(*numbers)
    said = facts(found)
    assert said["GC"]["ours"]["r"] == pytest.approx(1.0) and said["GC"]["ours"]["slope"] == pytest.approx(10.0)
    assert said["GD"]["ours"]["r"] == pytest.approx(-1.0) and said["GD"]["paper"]["n"] == 3
    assert "AutoAttack over GC, ours: slope 10, r = 1.00, n = 3." in said["sentences"]
    assert [*drawings(found, scale)] == ["-gc", "-gd"]


def test_nothing_measured_draws_nothing(scale: Scale) -> None:
    empty = Number(BASE, AA, {})
    for name in ("table2", "fig2", "fig4", "fig5"):
        assert drawings(Collected(TARGETS[name], {(BASE, "AA"): empty}, ()), scale) == {}
