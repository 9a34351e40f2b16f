"""``robustill list``: what there is, with one line about each."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence

from robustill.component import Component


def main(arguments: Sequence[str]) -> None:
    """Prints one list, or says which there are."""
    if len(arguments) != 1 or arguments[0] not in LISTS:
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: robustill list {'|'.join(LISTS)}\n\nSays what there is, with one line about each.")
            return
        raise ValueError(f"The list must be one of {', '.join(LISTS)}. Found: {' '.join(arguments) or 'nothing'}.")
    entries = LISTS[arguments[0]]()
    column = min(max(map(len, entries), default=0), 28)
    for name, text in entries.items():
        print(_entry(name, text, column))


def _entry(name: str, text: str, column: int) -> str:
    """The name, and beside it what it is; a long name has a line of its own, for it may have to be copied."""
    indent = " " * (column + 2)
    lines = textwrap.fill(text, shutil.get_terminal_size().columns, initial_indent=indent, subsequent_indent=indent)
    return f"{name}\n{lines}" if len(name) > column else name + lines[len(name) :]


def methods() -> Mapping[str, str]:
    from robustill.component import find
    from robustill.objectives import Method, Objective

    terms = find("robustill.objectives", Objective)
    return _described(find("robustill.methods", Method)) | {f"+ {k}": v for k, v in _described(terms).items()}


def attacks() -> Mapping[str, str]:
    from robustill.attacks import Adversary, Budget, Start
    from robustill.component import find

    return (
        _described(find("robustill.attacks", Adversary))
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


def teachers() -> Mapping[str, str]:
    from robustill.teachers import list_teachers

    return list_teachers()


def recipes() -> Mapping[str, str]:
    from robustill.recipes import list_recipes

    return list_recipes()


def _described(classes: Mapping[str, type[Component]]) -> dict[str, str]:
    """The first paragraph about each class, as text that is read outside of the documentation."""
    paragraphs = {name: (cls.__doc__ or "").split("\n\n")[0] for name, cls in classes.items()}
    return {name: " ".join(text.replace("``", "").split()) for name, text in paragraphs.items()}


LISTS: dict[str, Callable[[], Mapping[str, str]]] = {
    "methods": methods,
    "attacks": attacks,
    "models": models,
    "data": data,
    "teachers": teachers,
    "recipes": recipes,
}
