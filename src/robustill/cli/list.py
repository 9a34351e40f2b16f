"""``robustill list``: what there is, with one line about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from robustill.component import Component


def main(arguments: Sequence[str]) -> None:
    """Prints one list, or says which there are."""
    if len(arguments) != 1 or arguments[0] not in LISTS:
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: robustill list {'|'.join(LISTS)}")
            return
        raise ValueError(f"The list must be one of {', '.join(LISTS)}. Found: {' '.join(arguments) or 'nothing'}.")
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in LISTS[arguments[0]]().items():
        table.add_row(f"[bold]{name}[/bold]", text.replace("[", "\\["))
    Console().print(table)


def methods() -> Mapping[str, str]:
    from robustill.component import find
    from robustill.objectives import Method, Objective

    terms = find("robustill.objectives", Objective)
    return _described(find("robustill.methods", Method)) | {f"+ {k}": v for k, v in _described(terms).items()}


def attacks() -> Mapping[str, str]:
    from robustill.attacks import Attack, Budget, Start
    from robustill.component import find

    return (
        _described(find("robustill.attacks", Attack))
        | _described(find("robustill.attacks", Budget))
        | _described(find("robustill.attacks", Start))
    )


def models() -> Mapping[str, str]:
    from robustill.component import find
    from robustill.models import NAMED, Architecture

    named = {name: repr(architecture) for name, architecture in sorted(NAMED.items())}
    return named | _described(find("robustill.models", Architecture))


def data() -> Mapping[str, str]:
    from robustill.data import list_sources

    return list_sources()


def recipes() -> Mapping[str, str]:
    from robustill.recipes import list_recipes

    return list_recipes()


def _described(classes: Mapping[str, type[Component]]) -> dict[str, str]:
    return {name: (cls.__doc__ or "").split("\n\n")[0].replace("\n    ", " ").strip() for name, cls in classes.items()}


LISTS: dict[str, Callable[[], Mapping[str, str]]] = {
    "methods": methods,
    "attacks": attacks,
    "models": models,
    "data": data,
    "recipes": recipes,
}
