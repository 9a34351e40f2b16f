"""The 144 cells of the paper's Tables 2 and 4 as recipes."""

from __future__ import annotations

import pytest

from robustill.methods import ARD, PGDAT, RSLAD
from robustill.objectives import IGDM
from robustill.recipes import recipe
from robustill.recipes.paper import Cell, cells
from robustill.run import Run
from robustill.training import MultiStep


def test_there_is_one_for_every_cell() -> None:
    assert len(cells()) == 6 * 2 * 3 * 2 * 2
    assert all(name == cell.name for name, cell in cells().items())


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("cifar100-resnet18-bdm-pgdat-igdm", 220),
        ("cifar100-resnet18-ltd-adaad-igdm", 15),
        ("cifar10-resnet18-ikl-rslad-igdm", 1),
        ("cifar10-mobilenetv2-bdm-trades-igdm", 0.5),
        ("cifar100-mobilenetv2-ikl-rslad-igdm", 10),
    ],
)
def test_alpha_is_that_of_the_published_grid(name: str, alpha: float) -> None:
    assert Run.from_texts(recipe(name)).method.terms == (IGDM(alpha=alpha),)
    assert Run.from_texts(recipe(name.removesuffix("-igdm"))).method.terms == ()


def test_rslad_trains_longer() -> None:
    long, short = (Run.from_texts(recipe(f"cifar10-resnet18-ltd-{name}")) for name in ("rslad", "pgdat"))
    assert (long.method, long.epochs, long.schedule) == (RSLAD(), 300, MultiStep(milestones=(215, 260, 285)))
    assert (short.method, short.epochs, short.schedule) == (PGDAT(), 200, MultiStep(milestones=(100, 150)))
    assert long.optimizer.weight_decay == short.optimizer.weight_decay == 5e-4
    assert long.validation == 0


def test_ard_is_the_variant_that_alpha_belongs_to() -> None:
    run = Run.from_texts(recipe("cifar100-resnet18-bdm-ard-igdm"))
    assert run.method == ARD(temperature=1) + IGDM(alpha=100)
    assert any("T = 30" in note for note in cells()[run.recipe or ""].unknown)


def test_published_numbers_stand_beside_the_recipe() -> None:
    cell = Cell("CIFAR-100", "ResNet-18", "BDM-AT", "AdaAD", True)
    by_source = {(p.source, p.measure): p.value for p in cell.published}
    assert by_source["v1, Table 2", "AA"] == by_source["ICLR 2025, main tables", "AA"] == 30.32
    assert by_source["v1, Table 2", "GC"] == 0.632
    assert all(sum(p.source.startswith("v1") for p in c.published) == 5 for c in cells().values())
    assert dict(cell.notes())["published"].startswith("Clean 64.44, PGD 36.19, AA 30.32, GD 0.093, GC 0.632 (v1")


def test_what_no_source_gives_is_said() -> None:
    assert any("0.1" in note for note in cells()["cifar10-resnet18-bdm-adaad-igdm"].unknown)
    assert not any("0.1" in note for note in cells()["cifar100-resnet18-bdm-adaad-igdm"].unknown)
    assert all("weight decay" in cell.unknown[0] for cell in cells().values())
