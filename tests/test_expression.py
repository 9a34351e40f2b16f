"""Text to component and back: every component's repr builds it again, and no text does anything but build one."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from robustill.attacks import PGD, Attack, Budget, Gaussian, Linf, Start, Uniform, Zero
from robustill.component import Component, find, in_full
from robustill.expression import PACKAGES, ExpressionError, components, parse
from robustill.methods.adaad import AdaAD
from robustill.methods.rslad import RSLAD
from robustill.objectives import IGDM, Method, Objective, StudentCE


class Own(Component, kw_only=False):
    """A user's own component; found by its import path alone."""

    rate: float = 1.0
    note: str = ""
    parts: tuple[Component, ...] = dataclasses.field(default_factory=tuple)


HERE = __name__
NUMBERS: dict[type, tuple[Any, ...]] = {
    float: (0.5, 0.25, 8 / 255, 2.0, 3, 1e-7),
    int: (2, 1, 3, 18, 28, 0),
    bool: (True, False),
    str: ("abc", 'it\'s: a "text"'),
}


def values_of(hint: Any) -> Iterator[Any]:
    """Some values of a field's type, components of every kind included."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        yield from arguments
    elif origin is tuple:
        one = list(itertools.islice(values_of(arguments[0]), 3))
        yield from ((), tuple(one[:1]), tuple(sorted(one)) if hint == tuple[int, ...] else tuple(one))
    elif arguments:  # a union
        yield from itertools.chain.from_iterable(values_of(argument) for argument in arguments)
    elif hint is type(None):
        yield None
    elif issubclass(hint, Component):
        kinds = [cls for cls in components().values() if issubclass(cls, hint)]
        # A method is an objective but no term of another method: `+` refuses it.
        yield from (some(cls) for cls in kinds if hint is not Objective or not issubclass(cls, Method))
    else:
        yield from NUMBERS[hint]


def some(cls: type[Component]) -> Component:
    """An instance with its required fields filled by the first values that the class accepts."""
    hints = typing.get_type_hints(cls)
    required = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]  # type: ignore[arg-type]
    for values in itertools.product(*(list(values_of(hints[name])) for name in required)):
        try:
            return cls(**dict(zip(required, values, strict=True)))
        except ValueError:
            continue
    raise AssertionError(f"no values found for the required fields of {cls}: {required}")


def variations(cls: type[Component]) -> Iterator[Component]:
    """An instance, and others in which one field has each of the values that the class accepts."""
    base = some(cls)
    yield base
    for name, hint in typing.get_type_hints(cls).items():
        for value in values_of(hint):
            try:
                yield dataclasses.replace(base, **{name: value})  # type: ignore[type-var]
            except ValueError:
                continue


@pytest.mark.parametrize("name", list(components()))
def test_the_repr_of_every_component_builds_it_again(name: str) -> None:
    cls = components()[name]
    built = list(variations(cls))
    assert len(built) > len(dataclasses.fields(cls))  # type: ignore[arg-type]
    for component in built:
        again = parse(repr(component), cls)
        assert again == component and repr(again) == repr(component)
        assert type(again) is cls
        assert parse(in_full(component), cls) == component


def test_names_are_unique_over_all_packages() -> None:
    """A name means one component wherever it stands."""
    homes = [(name, package) for package in PACKAGES for name in find(package, Component)]
    assert sorted(name for name, _ in homes) == sorted(components())


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Linf(8/255)", Budget, Linf(8 / 255)),
        ("Linf(radius=8/255)", Budget, Linf(8 / 255)),
        ("  Zero( )\n", Start, Zero()),
        ("Gaussian(2 * 10**-3)", Start, Gaussian(0.002)),
        ("Gaussian(-(1 - 3) / 4)", Start, Gaussian(0.5)),
        ("Gaussian(1)", Start, Gaussian(1)),
        ("Uniform(clip=False)", Start, Uniform(clip=False)),
        (
            "PGD(budget=Linf(8/255), steps=20, step_size=2/255, start=Gaussian(0.001))",
            Attack,
            PGD(budget=Linf(8 / 255), steps=20, step_size=2 / 255, start=Gaussian(0.001)),
        ),
        ("PGD(budget=Linf(8/255), step_size=2/255, start=None)", Attack, PGD(budget=Linf(8 / 255), step_size=2 / 255)),
        ("RSLAD() + IGDM(alpha=10)", Method, RSLAD() + IGDM(alpha=10)),
        (
            "AdaAD(inner=StudentCE())+IGDM(alpha=70)+IGDM(alpha=1)",
            Objective,
            AdaAD(inner=StudentCE()) + IGDM(alpha=70) + IGDM(alpha=1),
        ),
        ("RSLAD(bn_parity=(1, 1, 0, -1))", Method, RSLAD(bn_parity=(1, 1, 0, -1))),
        ("RSLAD(bn_parity=[1.0])", Method, RSLAD(bn_parity=(1.0,))),
        ("RSLAD(terms=(IGDM(alpha=10),))", Method, RSLAD() + IGDM(alpha=10)),
        ("RSLAD", Method, RSLAD()),
        ("RSLAD + IGDM(alpha=10)", Method, RSLAD() + IGDM(alpha=10)),
        ("AdaAD(inner=StudentCE)", Method, AdaAD(inner=StudentCE())),
    ],
)
def test_texts_and_what_they_build(text: str, kind: type[Component], expected: Component) -> None:
    assert parse(text, kind) == expected


def test_a_users_own_class_is_named_by_its_import_path() -> None:
    own = Own(0.5, "it's: a note", (Linf(0.1), Own()))
    assert repr(own) == f'{HERE}:Own(0.5, "it\'s: a note", (Linf(0.1), {HERE}:Own()))'
    assert parse(repr(own), Component) == own
    assert parse(f"{HERE}:Own", Own) == Own()
    assert parse(f"{HERE}:Own(rate=2) ", Own) == Own(2)


@pytest.mark.parametrize("note", ["os:system", "folder:/some/where", 'a "quoted:b" text', "back\\slash:x'", ""])
def test_a_path_inside_a_quoted_text_is_a_text(note: str) -> None:
    assert parse(repr(Own(note=note)), Own) == Own(note=note)
    assert parse(f'{HERE}:Own(note="plain:path")', Own) == Own(note="plain:path")


def test_a_users_module_is_imported_from_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_alone.py").write_text(
        "from robustill.methods.rslad import RSLAD\n\nclass MyAD(RSLAD):\n    gamma: float = 1.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = parse("mine_alone:MyAD(gamma=2, scale=0.5) + IGDM(alpha=1)", Method)
    assert repr(mine) == "mine_alone:MyAD(scale=0.5, gamma=2) + IGDM(alpha=1)"
    assert parse(repr(mine), Method) == mine


REFUSED = [
    ("RSLD()", Method, r"No component is called 'RSLD'. Did you mean RSLAD"),
    ("Xyzzy()", Method, r"No component is called 'Xyzzy'. Known: .*RSLAD"),
    ("RSLAD(sale=0.1)", Method, r"RSLAD has no free field 'sale'. Its fields: .*scale"),
    ("Zero(std=1)", Start, r"Zero has no free field 'std'. Its fields: none"),
    ("Linf(0.1, 0.2)", Budget, r"Linf takes its fields by name: radius"),
    ("RSLAD(0.5)", Method, r"RSLAD takes its fields by name"),
    ("Linf(0.1, radius=0.2)", Budget, r"Linf has no free field 'radius'"),
    ("Linf(radius=0.1, radius=0.2)", Budget, r"Linf has no free field 'radius'|Cannot read"),
    ("Linf(**{'radius': 1})", Budget, r"numbers, texts and components only|no free field"),
    ("Linf(*(1,))", Budget, r"numbers, texts and components only. Found: '\*"),
    ("PGD(step_size=2/255)", Attack, r"PGD requires budget\."),
    ("PGD()", Attack, r"PGD requires budget and step_size"),
    ("Linf()", Budget, r"Linf requires radius"),
    ("Linf('8')", Budget, r"Linf: field 'radius' requires a float. Found: '8'"),
    ("PGD(budget=Linf(0.1), steps=1.5, step_size=0.1)", Attack, r"field 'steps' requires a int. Found: 1.5"),
    ("PGD(budget=Zero(), step_size=0.1)", Attack, r"field 'budget' requires a Budget. Found: Zero\(\)"),
    ("PGD(budget=Linf(0.1), step_size=0.1, start=3)", Attack, r"field 'start' requires a Start \| None. Found: 3"),
    ("IGDM(alpha=1, distance='cosine')", Objective, r"field 'distance' requires a Literal\['kl', .*Found: 'cosine'"),
    ("RSLAD(bn_parity=(1, 1, 1, 1, 1, 1, 1, 1, 'x'))", Method, r"field 'bn_parity' requires a tuple\[float, ...\]"),
    ("RSLAD(bn_parity=('x', 1, 1, 1, 1, 1, 1, 1, 1))", Method, r"field 'bn_parity' requires a tuple\[float, ...\]"),
    ("RSLAD(bn_parity=1)", Method, r"field 'bn_parity' requires a tuple\[float, ...\]"),
    ("Uniform(clip=1)", Start, r"field 'clip' requires a bool. Found: 1"),
    ("Linf(0.1)", Method, r"Required: a Method. Found: 'Linf\(0.1\)'. Known: .*RSLAD"),
    ("3", Method, r"Required: a Method. Found: '3'"),
    ("'RSLAD()'", Method, r"Required: a Method"),
    ("", Method, r"Cannot read '' as an expression such as 'Name\(field=value\)'"),
    ("RSLAD(", Method, r"Cannot read 'RSLAD\('"),
    ("RSLAD() IGDM()", Method, r"Cannot read"),
    ("RSLAD(scale=0.1\x00)", Method, r"Cannot read"),
    ("RSLAD() + RSLAD()", Method, r"RSLAD\(\) and RSLAD\(\) cannot be added: only a method takes terms"),
    ("IGDM(alpha=1) + IGDM(alpha=1)", Objective, r"cannot be added: only a method takes terms"),
    ("RSLAD() + Linf(0.1)", Method, r"cannot be added"),
    ("RSLAD() + 1", Method, r"Arithmetic needs numbers. Found: RSLAD\(\)"),
    ("RSLAD() * IGDM(alpha=1)", Method, r"Arithmetic needs numbers. Found: RSLAD\(\)"),
    ("Linf(1 // 2)", Budget, r"Only \+ - \* / \*\* are understood between numbers"),
    ("Linf('a' + 'b')", Budget, r"Arithmetic needs numbers. Found: 'a'"),
    ("Linf(-'a')", Budget, r"Arithmetic needs numbers. Found: 'a'"),
    ("Linf(True + 1)", Budget, r"Arithmetic needs numbers. Found: True"),
    ("Linf(1/0)", Budget, r"Arithmetic without a result: division by zero"),
    ("L2(2.0**2000)", Budget, r"A power is out of range: a base of at most 1e6 and an exponent of at most 64"),
    ("L2(10**9**9)", Budget, r"A power is out of range"),
    ("L2(1e300 * 1e300)", Budget, r"Numbers must be real and finite. Found: inf"),
    ("L2(1e999)", Budget, r"Numbers must be real and finite. Found: inf"),
    ("L2(1e999 - 1e999)", Budget, r"Numbers must be real and finite"),
    ("L2((-1) ** 0.5)", Budget, r"Numbers must be real and finite"),
    ("L2(1e6**60 * 1.0 * 1e6**60)", Budget, r"Arithmetic without a result|real and finite"),
    ("L2(2j)", Budget, r"numbers, texts and components only. Found: '2j'"),
    ("L2(b'1')", Budget, r"numbers, texts and components only"),
    ("L2(...)", Budget, r"numbers, texts and components only"),
    ("no_such_package.mine:MyAD()", Method, r"Cannot import 'no_such_package.mine' for no_such_package.mine:MyAD"),
    ("robustill.attacks:Missing()", Attack, r"robustill.attacks:Missing is no component: it must be a subclass"),
    ("os:system('true')", Method, r"os:system is no component"),
    ("builtins:eval('1')", Method, r"builtins:eval is no component"),
    ("_own0()", Method, r"No component is called '_own0'"),
]


@pytest.mark.parametrize(("text", "kind", "message"), REFUSED, ids=[case[0] or "empty" for case in REFUSED])
def test_texts_that_are_refused(text: str, kind: type[Component], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse(text, kind)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('pathlib').Path('made').touch()",
        "__import__('os')",
        "RSLAD().__class__",
        "RSLAD().loss()",
        "Linf(0.1).radius",
        "(lambda: RSLAD())()",
        "lambda: RSLAD()",
        "[RSLAD() for _ in (1,)][0]",
        "{RSLAD()}",
        "{'a': 1}",
        "(x for x in (1,))",
        "f'{RSLAD()}'",
        "Gaussian(f'{1}')",
        "Gaussian((std := 1))",
        "RSLAD() if True else RSLAD()",
        "RSLAD() and RSLAD()",
        "not RSLAD()",
        "RSLAD() == RSLAD()",
        "(RSLAD(), RSLAD())[0]",
        "await RSLAD()",
        "yield RSLAD()",
        "print('x')",
        "open('made', 'w')",
        "eval('RSLAD()')",
        "import os",
        "RSLAD(); RSLAD()",
        "x = RSLAD()",
        "@RSLAD()",
        "RSLAD()\nRSLAD()",
        "# RSLAD()",
    ],
)
def test_nothing_but_literals_arithmetic_and_calls_of_components_is_understood(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExpressionError):
        parse(text, Method)
    assert list(tmp_path.iterdir()) == []


def test_a_component_refuses_a_value_in_its_own_words() -> None:
    with pytest.raises(ValueError, match=r"Did you mean Linf\(8/255\)"):
        parse("PGD(budget=Linf(8), step_size=2/255)", Attack)


@pytest.mark.parametrize("body", ["raise OSError('no disk')", "class Broken(:", "import no_such_package_at_all"])
def test_a_module_that_fails_while_it_is_imported_is_named(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_alone.py").write_text(f"{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ExpressionError, match=r"Cannot import 'failing_alone' for failing_alone:Mine") as caught:
        parse("failing_alone:Mine()", Method)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("depth", [150, 2_000, 100_000])
@pytest.mark.parametrize("around", ["(", "-", "1+", "(1,", "Gaussian("])
def test_deep_nesting_is_refused_or_built_but_never_a_crash(depth: int, around: str) -> None:
    text = around * depth + "1" + ")" * depth * around.count("(")
    with pytest.raises(ExpressionError):
        parse(text, Start)


WORDS = [
    *("RSLAD", "AdaAD", "PGDAT", "IGDM", "PGD", "Linf", "L2", "Gaussian", "Zero", "Uniform", "StudentCE", "SGD"),
    *("alpha", "budget", "steps", "step_size", "start", "inner", "scale", "radius", "clip", "terms", "bn_parity"),
    *("(", ")", "()", "(", ")", ",", "=", "+", "-", "*", "/", "**", ".", ":", "[", "]", "{", "}", "'", '"', "\\", "\n"),
    *("1", "8/255", "0.1", "1e999", "-1", "True", "None", "'kl'", "10", "nan", "lambda", "for", "in", "if", "f'{x}'"),
    *("__import__", "__class__", "os", "eval", "_own0", "robustill.attacks:PGD", "tests.test_expression:Own", " "),
]
FUZZ = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=14).map("".join))


@settings(max_examples=400, deadline=None)
@given(text=FUZZ, kind=st.sampled_from([Component, Method, Attack, Start]))
@example(text="\ud800", kind=Method)
@example(text="RSLAD\x0c()", kind=Method)
@example(text="Ｌinf(0.1)", kind=Component)
def test_any_text_builds_a_component_of_the_kind_or_is_refused(text: str, kind: type[Component]) -> None:
    before = set(sys.modules)
    try:
        result = parse(text, kind)
    except ValueError as error:
        assert str(error)
        return
    assert isinstance(result, kind)
    assert parse(repr(result), kind) == result
    assert set(sys.modules) == before


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
def test_every_number_and_every_text_survives(rate: float, note: str) -> None:
    own = Own(rate, note)
    assert parse(repr(own), Own) == own
