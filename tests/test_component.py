"""Components: frozen choices whose repr is the text that builds them, and how they are found."""

from __future__ import annotations

import dataclasses
import math
import pickle
import sys
import types
from abc import ABC, abstractmethod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustill.attacks import PGD, Adversary, Attack, Budget, Gaussian, Linf, Uniform
from robustill.component import Component, find, in_full, spelled, write
from robustill.methods.adaad import AdaAD
from robustill.objectives import IGDM, Method, StudentCE


class Colour(Component, ABC):
    """A kind."""

    @abstractmethod
    def mix(self) -> float:
        """Something that final classes have."""


class Grey(Colour, kw_only=False):
    level: float = 0.5
    name: str = "grey"

    def mix(self) -> float:
        return self.level


class Mixed(Colour):
    parts: tuple[float, ...] = ()
    over: Colour | None = None
    weight: int
    hidden: int = dataclasses.field(default=0, repr=False)

    def mix(self) -> float:
        return sum(self.parts)


HERE = __name__
"""The import path of this module: a class outside the library is spelled with it."""


def test_a_subclass_is_a_frozen_dataclass_without_a_decorator() -> None:
    grey = Grey(0.25, name="light")
    assert (grey.level, grey.name) == (0.25, "light")
    with pytest.raises(dataclasses.FrozenInstanceError):
        grey.level = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Mixed((), weight=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="abstract"):
        Colour()  # type: ignore[abstract]


def test_equality_and_hash_are_those_of_class_and_fields() -> None:
    assert Grey() == Grey(0.5) and hash(Grey()) == hash(Grey(0.5))
    assert Grey() != Grey(0.25)
    assert len({PGD(budget=Linf(0.1), step_size=0.1), PGD(budget=Linf(0.1), step_size=0.1)}) == 1


def test_components_can_be_varied_and_pickled() -> None:
    method = AdaAD(inner=StudentCE()) + IGDM(alpha=70)
    assert pickle.loads(pickle.dumps(method)) == method
    assert dataclasses.replace(method, start=Uniform()) == AdaAD(inner=StudentCE(), start=Uniform()) + IGDM(alpha=70)


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(Gaussian()) == "Gaussian()"
    assert repr(Gaussian(0.01)) == "Gaussian(0.01)"
    assert repr(Uniform(clip=False)) == "Uniform(clip=False)"
    assert repr(PGD(budget=Linf(8 / 255), step_size=2 / 255)) == "PGD(budget=Linf(8/255), step_size=2/255)"
    assert repr(IGDM(alpha=10, gamma=0.5)) == "IGDM(alpha=10, gamma=0.5)"


def test_repr_of_a_class_outside_the_library_has_its_import_path() -> None:
    assert spelled(Linf) == "Linf" and spelled(Grey) == f"{HERE}:Grey"
    assert repr(Mixed(weight=1)) == f"{HERE}:Mixed(weight=1)"
    mixed = Mixed(parts=(0.5,), over=Grey(0.25), weight=3, hidden=7)
    assert repr(mixed) == f"{HERE}:Mixed(parts=(0.5,), over={HERE}:Grey(0.25), weight=3)"


def test_a_field_after_one_that_is_left_out_is_given_by_name() -> None:
    assert repr(Grey(0.25, "it's")) == f'{HERE}:Grey(0.25, "it\'s")'
    assert repr(Grey(name="it's")) == f'{HERE}:Grey(name="it\'s")'


def test_in_full_every_field_that_holds_something_is_shown() -> None:
    assert in_full(Gaussian()) == "Gaussian(0.001)"
    assert in_full(PGD(budget=Linf(8 / 255), step_size=2 / 255)) == (
        "PGD(budget=Linf(8/255), steps=10, step_size=2/255)"  # no start: the method's
    )
    assert in_full(Mixed(weight=1)) == f"{HERE}:Mixed(weight=1, hidden=0)"
    over = Mixed(parts=(), over=Grey(), weight=2)
    assert in_full(over) == f"{HERE}:Mixed(over={HERE}:Grey(0.5, 'grey'), weight=2, hidden=0)"


def test_a_value_of_another_type_is_shown_even_where_it_equals_the_default() -> None:
    assert repr(Gaussian(1)) == "Gaussian(1)"
    assert repr(IGDM(alpha=1, beta=1)) == "IGDM(alpha=1, beta=1)"
    assert repr(IGDM(alpha=1, beta=1.0)) == "IGDM(alpha=1)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8 / 255, "8/255"),
        (-2 / 255, "-2/255"),
        (128 / 255, "128/255"),
        (512 / 255, "512/255"),
        (0.1, "0.1"),
        (0.031, "0.031"),
        (0.0, "0.0"),
        (1.0, "1.0"),
        (5 / 6, "0.8333333333333334"),
        (1234567.0, "1234567.0"),
        (1.2345678e300, "1.2345678e+300"),
        (sys.float_info.max, "1.7976931348623157e+308"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("a:b", "'a:b'"),
        ((), "()"),
        ((1.0,), "(1.0,)"),
        ((1, 0.5, -1), "(1, 0.5, -1)"),
        (((8 / 255,), Linf(0.1)), "((8/255,), Linf(0.1))"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert write(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_written_as_a_text_of_the_same_number(value: float) -> None:
    text = write(value)
    numerator, _, denominator = text.partition("/")
    assert (float(numerator) / float(denominator or 1)) == value
    assert len(text) < 26


@given(st.integers(min_value=1, max_value=254))
def test_levels_of_255_read_as_such(level: int) -> None:
    assert write(level / 255) in (f"{level}/255", repr(level / 255))
    if math.gcd(level, 255) == 1:
        assert write(level / 255) == f"{level}/255"


def test_final_classes_are_found_by_kind_in_alphabetical_order() -> None:
    methods = find("robustill.methods", Method)
    assert {"AdaAD", "PGDAT", "RSLAD", "TRADES"} <= set(methods)
    assert list(methods) == sorted(methods)
    assert set(find("robustill.attacks", Budget)) == {"L1", "L2", "Linf"}
    assert "Attack" not in find("robustill.attacks", Attack)  # abstract
    assert "IGDM" not in find("robustill.methods", Component)  # imported there, defined elsewhere
    assert not {"Foreign", "Transfer"} & set(find("robustill.attacks", Adversary))  # they hold what no text can say


def test_a_module_that_is_put_into_a_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "shades_of_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "some.py").write_text(
        f"from {HERE} import Colour, Grey\n"
        "class Dark(Grey, kw_only=False):\n    pass\n"
        "class _Hidden(Grey, kw_only=False):\n    pass\n"
        "class Abstract(Colour):\n    pass\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = find("shades_of_test", Colour)
    assert list(found) == ["Dark"]
    module: types.ModuleType = sys.modules["shades_of_test.some"]
    assert found["Dark"] is module.Dark
