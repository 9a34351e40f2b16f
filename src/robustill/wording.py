"""How messages speak: of types in a user's words, of values in few, and of the name that was meant."""

from __future__ import annotations

import difflib
import re
import reprlib
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    dict: "keys with values",
    type(None): "null",
}
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 160
_BRIEF.maxlong = 40
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxdict = 3, 4, 6


def in_words(hint: Any) -> str:
    """A type as a user thinks of it: ``int | None`` is "a whole number or null"."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(in_words(part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    return _WORDS.get(hint) or f"an expression of the kind {getattr(hint, '__name__', hint)}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def brief(value: object) -> str:
    """The ``repr`` of a value that was found, without the middle where it is long: a message is a sentence."""
    return _BRIEF.repr(value)


def printable(text: str) -> str:
    """A text that may come from a file's name: what would move the cursor or break the line is shown escaped."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def in_a_line(text: str) -> str:
    """A message as one line that a terminal can show: without breaks, and without the middle of endless words."""
    return re.sub(r"(\S{120})\S{60,}(\S{20})", r"\1...\2", printable(" ".join(text.split())))


def unknown_setting(name: object, known: Iterable[str]) -> str:
    """The sentence about a flag or a key that does not exist."""
    known = list(known)
    nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(known)}."
    return f"There is no setting {brief(str(name))}. {hint}"
