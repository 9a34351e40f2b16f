"""The command line: ``robustill VERB ...``.

Each verb is a module of this package with a ``main(arguments)`` that may give an exit status, imported when it is
called: ``robustill --help`` does not wait for PyTorch. Bad input ends with one sentence and exit status 2;
``ROBUSTILL_TRACEBACK=1`` shows where it came from.
"""

from __future__ import annotations

import difflib
import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import robustill
from robustill.torchrun import cause, consequence, lost_touch, one_voice, print_error, size
from robustill.wording import in_a_line

VERBS = {
    "demo": "distil two small students on embedded images, with and without IGDM, and show what came out",
    "train": "train a student, or a teacher, by a recipe or by flags",
    "evaluate": "measure a run or a checkpoint: clean and robust accuracy, agreement with the teacher",
    "reproduce": "make the paper's tables and figures, at a scale for two CPU cores or for GPUs",
    "sweep": "train and measure many runs from one file, here or on a Ray cluster",
    "teacher": "check a teacher against what is known of it, before hours are spent on it",
    "data": "check a set of images: counts, classes, sizes, broken files, duplicates",
    "audit": "ask whether a robust accuracy deserves belief, by some thirty checks",
    "report": "write one HTML page about one or more runs",
    "list": "methods, attacks, models, data sources, teachers, recipes",
    "cost": "forwards and backwards of one training step",
    "doctor": "versions, hardware, disk space, extras: what this machine offers",
}

ADVICE = {
    "train": "A run goes on from its last checkpoint with: robustill train --resume DIRECTORY",
    "evaluate": "The same command goes on after its last finished batch.",
    "reproduce": "The same command goes on with what is left.",
}
"""How to go on after an interruption."""
TOGETHER = ("train", "evaluate")
"""The verbs that several processes of torchrun do together."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
    if size() > 1 and verb not in TOGETHER:
        return _fail(
            f"robustill {verb}", f"torchrun is for {' and '.join(TOGETHER)}. Leave it out: this is one process."
        )
    if threading.current_thread() is threading.main_thread():  # nobody else may listen
        signal.signal(signal.SIGTERM, _terminate)
    try:
        with one_voice(), _warnings_in_a_line():
            return int(import_module(f"robustill.cli.{verb}").main(words[1:]) or 0)
    except SystemExit as end:  # --help and --print_config have said what there is to say
        return int(end.code or 0)
    except (KeyboardInterrupt, Terminated) as end:
        word = "Terminated" if isinstance(end, Terminated) else "Interrupted"
        print_error(consequence(f"\n{word}.", _advice(verb)))
        return 143 if isinstance(end, Terminated) else 130
    except BrokenPipeError:  # the reader of a pipe has gone, as in `robustill list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, FloatingPointError) as error:
        if os.environ.get("ROBUSTILL_TRACEBACK"):
            raise
        return _fail(f"robustill {verb}", _sentence(error, verb))
    except (MemoryError, RuntimeError) as error:  # PyTorch has no other name for a CPU that is out of memory
        if os.environ.get("ROBUSTILL_TRACEBACK"):
            raise
        if lost_touch(error):
            print_error(consequence("The processes lost touch.", _advice(verb)))
            return 1
        if not _out_of_memory(error):
            raise
        smaller = "Take a smaller batch, network or image size."
        return _fail(f"robustill {verb}", f"There is not enough memory. {smaller} {_advice(verb)}")


class Terminated(BaseException):
    """SIGTERM, as a scheduler sends it: what was finished is on the disk."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Within, a warning is its sentence, without the place in the code."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"Warning: {in_a_line(str(message))}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _out_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words


def _advice(verb: str) -> str:
    return ADVICE.get(verb, ADVICE["train"])


def _help() -> str:
    verbs = "\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items())
    return (
        "usage: robustill VERB ...\n\n"
        "Small robust image classifiers, distilled from large ones, and measured so that numbers can be trusted.\n\n"
        f"{verbs}\n\n"
        "robustill VERB --help explains a verb. The quickest start: robustill demo"
    )


def _sentence(error: Exception, verb: str) -> str:
    """The error's own words, or, where the system refused a file, which file and why."""
    if isinstance(error, OSError) and error.strerror:
        sentence = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
        return in_a_line(f"{sentence} {_advice(verb)}" if error.errno in FULL else sentence)
    return in_a_line(str(error))


def _fail(program: str, sentence: str) -> int:
    print_error(cause(f"{program}: error: {sentence}"))
    return 2
