"""The adversaries by their short names."""

from __future__ import annotations

import pytest

from robustill.attacks import L2, PGD, Clean, Linf, Uniform
from robustill.evaluation import adversaries_named, standard_adversaries


def test_the_standard_ones_are_those_of_the_papers() -> None:
    assert standard_adversaries(Linf(8 / 255)) == {
        "clean": Clean(),
        "pgd20": PGD(budget=Linf(8 / 255), steps=20, step_size=2 / 255, start=Uniform()),
    }


def test_any_number_of_steps_in_any_budget_in_the_order_of_the_names() -> None:
    found = adversaries_named(["pgd100", "clean", "pgd7"], L2(0.5))
    assert list(found) == ["pgd100", "clean", "pgd7"]
    assert found["pgd7"] == PGD(budget=L2(0.5), steps=7, step_size=0.125, start=Uniform())


@pytest.mark.parametrize("name", ["pgd", "pgd0", "pgd-20", "PGD20", "pgd20 ", "", "fgsm?"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"an attack named clean or pgdN, such as pgd20\. Found: '"):
        adversaries_named([name], Linf(8 / 255))
