"""Parsers of the verbs: jsonargparse, with errors as one sentence and the nearest name for a slip."""

from __future__ import annotations

import re
from argparse import Action
from collections.abc import Sequence

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from robustill.cli.help import HelpFormatter
from robustill.wording import in_words, unknown_setting


def make_parser(verb: str, description: str, usage: str) -> ArgumentParser:
    """A parser that raises instead of exiting, and takes no abbreviations."""
    return ArgumentParser(
        prog=f"robustill {verb}",
        description=description,
        usage=f"robustill {verb} {usage}",
        exit_on_error=False,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """The values of the flags; ``--batch-size`` is as good as ``--batch_size``.

    Raises:
        ValueError: one sentence about what cannot be understood.
    """
    words = [re.sub("^--[a-z-]+", lambda name: "--" + name[0][2:].replace("-", "_"), word) for word in arguments]
    try:
        values = parser.parse_args(words)
    except ArgumentError as error:
        raise ValueError(_sentence(str(error), parser)) from None
    for name, value in vars(values).items():
        if value == "":  # what a shell makes of a variable that is not set
            raise ValueError(f"{name} needs a value. Found: ''.")
    return values


def actions(parser: ArgumentParser) -> dict[str, Action]:
    """What a parser knows, by the name of the flag or of the positional argument."""
    return {action.dest: action for action in parser._actions if action.dest not in ("help", "print_shtab")}


def _sentence(message: str, parser: ArgumentParser) -> str:
    """jsonargparse's message, of any version since 4.35, without its parser keys and Python types."""
    message, known = re.sub(r"\s+", " ", message).strip(), actions(parser)
    if match := re.search(r"nrecognized arguments: --([^\s=]+)|Option '([^']+)' is not accepted", message):
        name = match[1] or match[2]
        if name in known:
            return f"{name} is given by itself, not as --{name}. Usage: {parser.usage}"
        return unknown_setting(name, known)
    if match := re.search(r"nrecognized arguments: (.*)\.?", message):
        return f"Nothing is known of {match[1]!r}. See {parser.prog} --help."
    if match := re.search(r"argument ([-\w/]+): expected (?:one|at least one) argument", message):
        return f"{match[1]} needs a value. Found: none."
    if match := re.search(r"arguments are required: (.*)|(?:Key|Option) [\"'](\w+)[\"'] is required", message):
        return f"Missing: {match[1] or match[2]}. Usage: {parser.usage}"
    match = re.search(r'Parser key "([^"]+)":(?:.*(?:Got|Given) value:(.*))?', message)
    if match and match[1] in known:
        part = re.search(r"NestedArg\(key='([^']+)'", match[2] or "")
        value = f"--{match[1]}.{part[1]}" if part else (match[2] or "").strip() or repr("")
        found = "" if match[2] is None else f" Found: {value}."
        return f"{match[1]} must be {in_words(getattr(known[match[1]], '_typehint', str))}.{found}"
    return message if message.endswith(".") else f"{message}."
