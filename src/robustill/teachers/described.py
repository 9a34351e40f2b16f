"""Weights that a text describes: after its question mark it says which network they are for, and how it normalises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robustill.models import Classifier
from robustill.teachers.foreign import load_foreign
from robustill.teachers.presets import Constants, find_preset
from robustill.teachers.robustbench import load_preset


def divided(text: str) -> tuple[str, dict[str, str]]:
    """The path and, after the last question mark, the settings; a path may hold question marks of its own."""
    path, _, query = text.rpartition("?")
    pairs = [part.partition("=")[::2] for part in query.split("&")]
    return (path, dict(pairs)) if path and "=" in query else (text, {})


def require_described(query: Mapping[str, str], *, form: str, text: str) -> None:
    """Refuses settings that do not say which network a file is for.

    Args:
        query: should be ``preset``, or ``architecture`` and perhaps ``mean`` and ``std``.
        form: how such a text is written up to the question mark, for the message.
        text: the text itself.

    Raises:
        ValueError: says how it is written.
    """
    if set(query) == {"preset"} or ("architecture" in query and set(query) <= {"architecture", "mean", "std"}):
        return
    raise ValueError(
        f"A foreign checkpoint is written {form}?architecture=NAME, with &mean=0.5,0.5,0.5&std=0.5,0.5,0.5 for a "
        f"network that wants normalised images, or {form}?preset=DATASET/NAME. Found: {text!r}."
    )


def load_described(file: Path, query: Mapping[str, str]) -> Classifier:
    """The network of a foreign checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not what the settings say, or they name no preset or architecture that is known.
    """
    if "preset" in query:
        return load_preset(find_preset(query["preset"]), file)
    given = Constants(_numbers("mean", query), _numbers("std", query))
    return load_foreign(file, query["architecture"], constants=None if given == Constants(None, None) else given)


def _numbers(name: str, query: Mapping[str, str]) -> tuple[float, ...] | None:
    if name not in query:
        return None
    try:
        return tuple(float(part) for part in query[name].split(","))
    except ValueError:
        raise ValueError(
            f"{name} should be numbers with commas, such as 0.5,0.5,0.5. Found: {query[name]!r}."
        ) from None
