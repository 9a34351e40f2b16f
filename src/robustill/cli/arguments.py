"""Parsers of the verbs: jsonargparse, with errors as one sentence and the nearest name for a slip."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from docstring_parser import parse as parse_docstring
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace  # type: ignore[attr-defined]

from robustill.component import Component
from robustill.run import Run, component_fields


def make_parser(verb: str, description: str, usage: str) -> ArgumentParser:
    """A parser that raises instead of exiting, and takes no abbreviations."""
    return ArgumentParser(
        prog=f"robustill {verb}",
        description=description,
        usage=f"robustill {verb} {usage}",
        exit_on_error=False,
        allow_abbrev=False,
    )


def add_run_arguments(parser: ArgumentParser) -> None:
    """Every field of a run as a flag; ``--config`` reads a recipe, and ``--print_config`` shows what would be run."""
    parser.add_argument(
        "--config", action=ActionConfigFile, help="a recipe, YAML with the keys below; flags override it"
    )
    described = {p.arg_name: p.description or "" for p in parse_docstring(Run.__doc__ or "").params}
    hints, components = get_type_hints(Run), component_fields()
    for field in fields(Run):
        default = field.default if isinstance(field.default, str | int | float | bool) else None
        parser.add_argument(
            f"--{field.name}",
            type=str | None if field.name in components else hints[field.name],
            default=repr(field.default) if isinstance(field.default, Component) else default,
            help=described[field.name].replace("%", "%%"),
        )


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """The values of the flags.

    Raises:
        ValueError: one sentence about what cannot be understood.
    """
    try:
        return parser.parse_args(list(arguments))
    except ArgumentError as error:
        raise ValueError(_sentence(str(error), _names(parser))) from None


def run_of(values: Namespace) -> Run:
    """The run that flags and recipe describe."""
    chosen: dict[str, Any] = {f.name: values[f.name] for f in fields(Run)}
    return Run.from_texts(chosen)


def _names(parser: ArgumentParser) -> list[str]:
    return [action.dest for action in parser._actions]


def _sentence(message: str, names: list[str]) -> str:
    message = re.sub(r"\s+", " ", message).strip()
    unknown = re.search(r"unrecognized arguments: --([^\s=]+)|Option '([^']+)' is not accepted", message)
    if unknown is None:
        return message if message.endswith(".") else f"{message}."
    name = unknown[1] or unknown[2]
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(names)}."
    return f"There is no setting {name!r}. {hint}"
