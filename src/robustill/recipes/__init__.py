"""Recipes: runs that have a name. A YAML file here is one; its first line is a comment that says what it is."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml

from robustill.recipes.paper import cells
from robustill.wording import in_words

FOLDER = Path(__file__).parent
REASONS: dict[type, str] = {UnicodeDecodeError: "it is no text", RecursionError: "it is nested too deeply"}


def list_recipes() -> dict[str, str]:
    """The names of the recipes with what each is: the files here, then the cells of the paper's tables."""
    files = sorted(FOLDER.glob("*.yaml"))
    ours = {file.stem: file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for file in files}
    return ours | {name: cell.summary for name, cell in cells().items()}


def recipe(text: str) -> dict[str, Any]:
    """The keys and values of the recipe that a name or a path means.

    Raises:
        ValueError: there is neither a recipe of that name nor a file, or the file is no recipe.
    """
    return cells()[text].texts() if text in cells() else read_recipe(recipe_file(text))


def recipe_file(text: str) -> Path:
    """The file that a name or a path means.

    Raises:
        ValueError: there is neither a recipe of that name nor a file.
    """
    if (FOLDER / f"{text}.yaml").is_file():
        return FOLDER / f"{text}.yaml"
    if Path(text).is_file():
        return Path(text)
    nearest = difflib.get_close_matches(text, list_recipes(), n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else "See: robustill list recipes."
    raise ValueError(f"A recipe is a known name or a YAML file. Found: {text!r}, which is neither. {hint}")


class _Loader(yaml.SafeLoader):
    """Builds numbers, texts, lists and mappings only, and no mapping that says a thing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice[0]} is given more than once", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_recipe(file: Path) -> dict[str, Any]:
    """The keys and values of a recipe, or of a run's ``run.yaml``.

    Raises:
        ValueError: the file cannot be read, is no YAML, or holds something else than keys with values.
    """
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # a safe one
    except OSError as error:
        raise ValueError(f"A recipe must be a readable YAML file. Found: {file} ({error.strerror}).") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # of text, dates, depth
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        reason = f"line {mark.line + 1}: {problem}" if mark else REASONS.get(type(error), str(error))
        raise ValueError(f"A recipe must be a readable YAML file. Found: {file} ({reason}).") from None
    if not isinstance(values, dict):
        found = "nothing" if values is None else in_words(type(values))
        raise ValueError(f"A recipe must hold keys with values, such as `epochs: 30`. Found: {found} in {file}.")
    return {str(key): value for key, value in values.items()}
