from __future__ import annotations

import pytest

from robustill.report.labels import adversary, clipped, component, count, listing, percent, short, signed, terms


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("PGDAT()", ("PGDAT()",)),
        ("RSLAD() + IGDM(alpha=10)", ("RSLAD()", "IGDM(alpha=10)")),
        (
            "AdaAD(inner=StudentCE()) + IGDM(beta=0.1 + 0.2) + Extra()",
            ("AdaAD(inner=StudentCE())", "IGDM(beta=0.1 + 0.2)", "Extra()"),
        ),
        ("my_pkg.mine:MyAD(gamma=2) + IGDM()", ("my_pkg.mine:MyAD(gamma=2)", "IGDM()")),
        ("TRADES(beta=6)\n  + IGDM()", ("TRADES(beta=6)", "IGDM()")),
        ("Ünï(x='é') + IGDM()", ("Ünï(x='é')", "IGDM()")),
        ("no expression at + all (", ("no expression at + all (",)),
    ],
)
def test_a_method_is_split_at_its_outermost_plus_signs(method: str, expected: tuple[str, ...]) -> None:
    assert terms(method) == expected


def test_a_component_is_named_by_its_class() -> None:
    assert [component(term) for term in ("IGDM(alpha=10)", "a.b:My(x=C())", "Plain")] == ["IGDM", "My", "Plain"]


def test_empty_brackets_are_left_out() -> None:
    assert short("RSLAD() +  IGDM(ramp=None)") == "RSLAD + IGDM(ramp=None)"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("clean", "Clean"),
        ("pgd20", "PGD-20"),
        ("aa", "AutoAttack"),
        ("mine", "mine"),
        ("cw20@L2(0.5)", "CW-20 in L2(0.5)"),
    ],
)
def test_adversaries_have_the_names_of_papers(key: str, name: str) -> None:
    assert adversary(key) == name


def test_numbers_have_units_signs_and_plurals() -> None:
    assert percent(0.79) == "79.0\u00a0%"
    assert [signed(v, 1) for v in (1.5, -1.5, 0.04, -0.04)] == ["+1.5", "−1.5", "0.0", "0.0"]
    assert [count(1, "seed"), count(3, "seed"), count(2000)] == ["1\u00a0seed", "3\u00a0seeds", "2,000"]


def test_lists_read_as_words() -> None:
    assert [listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_long_texts_are_cut_with_an_ellipsis() -> None:
    assert clipped("Ankle boot", 10) == "Ankle boot"
    assert clipped("Ankle boots", 10) == "Ankle boo…"
