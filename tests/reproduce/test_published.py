"""The paper's numbers: every table is whole, and sums that were taken from the paper's text are those of the files."""

from __future__ import annotations

import pytest

from robustill.recipes import paper
from robustill.recipes.paper import Cell
from robustill.reproduce.published import published
from robustill.reproduce.scales import Paper
from robustill.reproduce.targets import TARGETS, places

SUMS = {
    "table1": {"Clean": 480.26, "PGD": 327.6, "AA": 300.56},
    "table3": {"AA": 113.34, "GD": 0.439, "GC": 2.226, "T/E": 27.45},
    "table5": {"zero": 136.7, "uniform": 136.44, "adversarial": 171.53},
    "table6": {"PGD-L1": 508.36, "PGD-L2": 482.24, "VMI-FGSM": 632.94},
}


@pytest.mark.parametrize("name", SUMS)
def test_a_table_is_whole_and_its_columns_have_the_papers_sums(name: str) -> None:
    rows = {place.cell: place.measures for place in places(TARGETS[name], Paper())}
    found: dict[str, float] = {}
    for cell, measures in rows.items():
        for measure in measures:
            number = published(name, cell, measure.name)
            assert number is not None, (cell, measure.name)
            found[measure.name] = found.get(measure.name, 0.0) + number
    assert found == pytest.approx(SUMS[name])


@pytest.mark.parametrize("name", ["table2", "table4", "fig4"])
def test_every_cell_of_the_main_tables_has_its_five_numbers(name: str) -> None:
    target, scale = TARGETS[name], Paper()
    for cell in target.students(scale):
        for measure in target.measures(scale):
            assert published(name, cell, measure.name) is not None, (cell, measure.name)


def test_single_numbers_stand_where_the_paper_prints_them() -> None:
    best = Cell("CIFAR-100", "ResNet-18", "BDM-AT", "AdaAD", True)
    assert published("table2", best, "AA") == published("fig4", best, "AA") == 30.32
    assert published("table3", best, "T/E") == 11.21
    assert published("table3", Cell("CIFAR-100", "ResNet-18", "BDM-AT", "AdaAD w/o T_in"), "T/E") == 2.26
    assert published("table4", Cell("CIFAR-10", "MobileNetV2", "LTD", "RSLAD"), "GC") == 0.706
    assert [published("fig2", Cell(d, "", "IKL-AT", ""), "remainder") for d in paper.DATASETS] == [0.016, 0.016]


def test_what_the_paper_does_not_print_is_none() -> None:
    assert published("fig5", Cell("CIFAR-100", "ResNet-18", "BDM-AT", "ARD", True), "PGD@8/255") is None
    assert published("fig2", Cell("CIFAR-100", "ResNet-18", "BDM-AT", "Natural"), "remainder") is None
