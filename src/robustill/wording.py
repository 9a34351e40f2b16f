"""How messages speak: of types in a user's words, and of the name that was meant."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}


def in_words(hint: Any) -> str:
    """A type as a user thinks of it: ``int | None`` is "a whole number or null"."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(in_words(part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    return _WORDS.get(hint) or f"an expression of the kind {getattr(hint, '__name__', hint)}"


def unknown_setting(name: object, known: Iterable[str]) -> str:
    """The sentence about a flag or a key that does not exist."""
    known = list(known)
    nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(known)}."
    return f"There is no setting {str(name)!r}. {hint}"
