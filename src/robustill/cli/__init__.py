"""The command line: ``robustill VERB ...``.

Each verb is a module of this package with a ``main(arguments)``, imported when it is called: ``robustill --help``
does not wait for PyTorch. Bad input ends with one sentence and exit status 2; ``ROBUSTILL_TRACEBACK=1`` shows where
it came from.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import robustill

VERBS = {
    "demo": "distil two small students on embedded images, with and without IGDM, and show what came out",
    "train": "train a student, or a teacher, by a recipe or by flags",
    "evaluate": "measure a run or a checkpoint: clean and robust accuracy, agreement with the teacher",
    "report": "write one HTML page about one or more runs",
    "list": "methods, attacks, models, data sources, teachers, recipes",
    "cost": "forwards and backwards of one training step",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and gives the exit status."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]  # `list` is a verb here once it has been imported
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"robustill {robustill.__version__}")
        return 0
    verb = words[0]
    if verb not in VERBS:
        nearest = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        return _fail("robustill", f"The verb must be one of {', '.join(VERBS)}. Found: {verb!r}.{hint}")
    try:
        import_module(f"robustill.cli.{verb}").main(words[1:])
    except SystemExit as end:  # --help and --print_config have said what there is to say
        return int(end.code or 0)
    except KeyboardInterrupt:
        advice = "A run goes on after its last finished epoch with: robustill train --resume DIRECTORY"
        print(f"\nInterrupted. {advice}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone, as in `robustill list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, FloatingPointError) as error:
        if os.environ.get("ROBUSTILL_TRACEBACK"):
            raise
        return _fail(f"robustill {verb}", _sentence(error))
    return 0


def _help() -> str:
    verbs = "\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items())
    return (
        "usage: robustill VERB ...\n\n"
        "Small robust image classifiers, distilled from large ones, and measured so that numbers can be trusted.\n\n"
        f"{verbs}\n\n"
        "robustill VERB --help explains a verb. The quickest start: robustill demo"
    )


def _sentence(error: Exception) -> str:
    """The error's own words, or, where the system refused a file, which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return " ".join(str(error).split())


def _fail(program: str, sentence: str) -> int:
    print(f"{program}: error: {sentence}", file=sys.stderr)
    return 2
