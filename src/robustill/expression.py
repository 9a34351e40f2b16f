"""Text to component and back: ``parse("RSLAD() + IGDM(alpha=10)", Method)``; the way back is ``repr``.

The grammar is a corner of Python: literals, arithmetic of numbers, ``+`` between components, and calls of components.
There are no names to look up, no attributes and no imports, with one exception: a class of the user's own may stand
with its import path in front, ``my_pkg.mine:MyAD(gamma=2)``. That imports the module, so it is for what users write
themselves, flags and recipes; what came with a file of weights is read with ``imports=False``.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import operator
import re
import sys
from collections.abc import Callable
from dataclasses import MISSING
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from beartype import BeartypeConf
from beartype.door import is_bearable

from robustill.component import Component, find
from robustill.wording import brief

C = TypeVar("C", bound=Component)

PACKAGES = tuple(f"robustill.{name}" for name in ("attacks", "objectives", "methods", "models", "data", "training"))
"""Where components are found."""

Own = dict[str, Callable[[], type[Component]]]
"""How the classes that stand with their import path are got, when they are needed."""

NUMBERS_TOO = BeartypeConf(is_pep484_tower=True)  # an integer is welcome where a float is meant
_TEXT_OR_PATH = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_][\w.]*):([A-Za-z_]\w*)""")
"""A path of import inside a quoted text is text."""
_ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


class ExpressionError(ValueError):
    """A text that is no component, and what to write instead."""


@cache
def components() -> dict[str, type[Component]]:
    """Every component of the library by name."""
    return {name: cls for package in PACKAGES for name, cls in find(package, Component).items()}


def parse(text: str, kind: type[C], *, imports: bool = True) -> C:
    """Builds the component that a text describes.

    Args:
        text: an expression such as ``PGD(budget=Linf(8/255), steps=10, step_size=2/255)``.
        kind: the base class that the result must have.
        imports: whether the module of a user's own class may be imported; without, it has to be there already.

    Raises:
        ExpressionError: the text does not parse, names an unknown component or field, or builds another kind.
        ValueError: a component refuses a value.
    """
    own: Own = {}

    def remember(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        name = f"_own{len(own)}"
        own[name] = partial(_import if imports else _imported, match[2], match[3])
        return name

    python = _TEXT_OR_PATH.sub(remember, text.strip())
    try:
        tree = ast.parse(python, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"Cannot read {brief(text)} as an expression such as 'Name(field=value)'.") from None
    try:
        result = _build(tree, own, kind)
    except RecursionError:
        raise ExpressionError("Cannot read an expression that is nested so deeply.") from None
    if not isinstance(result, kind):
        raise ExpressionError(f"Required: a {_kind_name(kind)}. Found: {brief(text)}. {_known(kind)}")
    return result


def _build(node: ast.expr, own: Own, kind: type = Component) -> Any:
    match node:
        case ast.Constant(value=bool() | str() | None as value):
            return value
        case ast.Constant(value=int() | float() as value):
            return _finite(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(_build(element, own) for element in elements)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(_build(operand, own))
        case ast.BinOp(left=left, op=op, right=right):
            return _combine(op, _build(left, own, kind), _build(right, own))
        case ast.Name(id="nan" | "inf" as name):
            return _finite(float(name))
        case ast.Name(id=name):  # `RSLAD` is a slip for `RSLAD()`
            return _call(_class(name, own, kind), [], [])
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            cls = _class(name, own, kind)
            return _call(cls, [_build(a, own) for a in args], [(k.arg, _build(k.value, own)) for k in keywords])
    raise ExpressionError(f"An expression holds numbers, texts and components only. Found: {brief(ast.unparse(node))}.")


def _combine(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(left, Component) and isinstance(right, Component) and isinstance(op, ast.Add):
        try:
            return left + right  # type: ignore[operator]  # methods add terms; others refuse below
        except TypeError:
            raise ExpressionError(f"{left!r} and {right!r} cannot be added: only a method takes terms.") from None
    function = _ARITHMETIC.get(type(op))
    if function is None:
        raise ExpressionError("Only + - * / ** are understood between numbers.")
    a, b = _number(left), _number(right)
    if function is operator.pow and (abs(a) > 1e6 or abs(b) > 64):
        raise ExpressionError("A power is out of range: a base of at most 1e6 and an exponent of at most 64.")
    try:
        return _finite(function(a, b))
    except (ZeroDivisionError, OverflowError) as error:
        raise ExpressionError(f"Arithmetic without a result: {error}.") from None


def _finite(value: Any) -> float:
    """Refuses infinity and nan, which no text could build again, and the root of a negative number."""
    if isinstance(value, complex) or not abs(value) <= sys.float_info.max:  # an integer may be larger than any float
        raise ExpressionError(f"Numbers must be real and finite. Found: {brief(value)}.")
    number: float = value
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"Arithmetic needs numbers. Found: {value!r}.")
    return value


def _class(name: str, own: Own, kind: type) -> type[Component]:
    if name in own:
        return own[name]()
    if name not in components():
        nearest = difflib.get_close_matches(name, components(), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(nearest)}?" if nearest else _known(kind)
        raise ExpressionError(f"No component is called {brief(name)}. {hint}")
    return components()[name]


def _known(kind: type) -> str:
    if kind is Component:
        return "See robustill list methods, attacks and models."
    return f"Known: {', '.join(name for name, cls in components().items() if issubclass(cls, kind))}."


def _call(cls: type[Component], args: list[Any], fields: list[tuple[str | None, Any]]) -> Component:
    specs = {f.name: f for f in cls.__dataclass_fields__.values() if f.init}  # type: ignore[attr-defined]
    positional = [f for f in specs.values() if not f.kw_only]
    if len(args) > len(positional):
        raise ExpressionError(f"{cls.__name__} takes its fields by name: {', '.join(specs)}.")
    values = {f.name: value for f, value in zip(positional, args, strict=False)}
    for key, value in fields:
        if key not in specs or key in values:
            raise ExpressionError(
                f"{cls.__name__} has no free field {key!r}. Its fields: {', '.join(specs) or 'none'}."
            )
        values[key] = value
    missing = [f.name for f in specs.values() if f.name not in values and f.default is f.default_factory is MISSING]
    if missing:
        raise ExpressionError(f"{cls.__name__} requires {' and '.join(missing)}.")
    hints = get_type_hints(cls)
    for key, value in values.items():
        if not fits(value, hints[key]):
            wanted = _kind_name(hints[key])
            raise ExpressionError(f"{cls.__name__}: field {key!r} requires a {wanted}. Found: {brief(value)}.")
    return cls(**values)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value has the type of a field: an integer is welcome as a float, but yes and no are no numbers.

    Every item of a tuple is looked at: beartype looks at one of them, at random.
    """
    if isinstance(value, bool):
        return bool in (hint, *get_args(hint))
    rows = [h for h in (hint, *get_args(hint)) if get_origin(h) is tuple and get_args(h)[1:] == (...,)]
    if isinstance(value, tuple) and rows:
        return any(all(fits(item, get_args(row)[0]) for item in value) for row in rows)
    return is_bearable(value, hint, conf=NUMBERS_TOO)


def _import(module: str, name: str) -> type[Component]:
    try:
        cls = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # whatever a user's module raises while it is imported
        raise ExpressionError(f"Cannot import {module!r} for {module}:{name}: {error!r}.") from error
    if not (isinstance(cls, type) and issubclass(cls, Component)):
        raise ExpressionError(
            f"{module}:{name} is no component: it must be a subclass of robustill.component.Component."
        )
    return cls


def _imported(module: str, name: str) -> type[Component]:
    """The same of a module that somebody has imported."""
    if module not in sys.modules:
        raise ExpressionError(
            f"{module}:{name} is somebody's own, and what came with a file of weights imports nothing. If you trust "
            f"it, import {module} before, or load the network as what you name yourself, such as py:pkg.mod:function."
        )
    return _import(module, name)


def _kind_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else re.sub(r"\b[\w.]+\.(?=\w)", "", str(kind))
