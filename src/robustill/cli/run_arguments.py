"""The settings of a run as flags, and recipes with flags that override them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import yaml
from docstring_parser import parse as parse_docstring
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace  # type: ignore[attr-defined]

from robustill.cli.arguments import actions
from robustill.component import Component
from robustill.recipes import recipe
from robustill.run import Run, component_fields
from robustill.wording import unknown_setting


class Recipe(ActionConfigFile):
    """The name or the file of a recipe. jsonargparse overlooks an unknown key with nothing under it; this does not."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        settings, known = recipe(values), actions(parser)
        for key in settings:
            if key not in known:
                raise ValueError(f"{values}: {unknown_setting(key, known)}")
        super().__call__(parser, cfg, yaml.safe_dump(settings), option_string)  # type: ignore[no-untyped-call]


def add_run_arguments(parser: ArgumentParser) -> None:
    """Every field of a run as a flag; ``--config`` reads a recipe, and ``--print_config`` shows what would be run."""
    parser.add_argument("--config", action=Recipe, metavar="RECIPE", help="the same as the first word")
    shown = actions(parser)["print_config"]
    shown.help, shown.metavar = "print what recipe and flags make, as a recipe, and exit", ""
    group = parser.add_argument_group("settings of the run, which are the keys of a recipe too")
    described = {p.arg_name: p.description or "" for p in parse_docstring(Run.__doc__ or "").params}
    hints, components = get_type_hints(Run), component_fields()
    for field in fields(Run):
        default = field.default if isinstance(field.default, str | int | float | bool) else None
        group.add_argument(
            f"--{field.name}",
            type=str | None if field.name in components else hints[field.name],
            default=repr(field.default) if isinstance(field.default, Component) else default,
            help=described[field.name].replace("%", "%%"),
        )


def run_of(values: Namespace) -> Run:
    """The run that flags and recipe describe."""
    chosen: dict[str, Any] = {f.name: values[f.name] for f in fields(Run)}
    return Run.from_texts(chosen)
