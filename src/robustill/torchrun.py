"""What torchrun tells the processes it starts, and who of them speaks: one voice, and one sentence when one fails.

Imports PyTorch only when a process of torchrun's fails: the command line asks here before it knows what it will do.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]  # PyTorch's __init__ does not list it

GRACE = 2.0
"""Seconds that the first process has to say what all have found wrong, before another says it."""
PATIENCE = 3.0
"""Seconds in which a process answers the roll call, if it lives."""


def launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """The number of this process, counted from 0; 0 where nobody started others."""
    return int(os.environ["RANK"]) if launched() else 0


def size() -> int:
    """How many processes there are on all machines together."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def local_rank() -> int:
    """The number of this process on its machine."""
    return int(os.environ["LOCAL_RANK"]) if launched() else 0


def local_size() -> int:
    """How many processes there are on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if launched() else 1


def launch() -> str | None:
    """Which call of torchrun this is, the same after each of its restarts; None without torchrun."""
    if not launched():
        return None
    name = os.environ["TORCHELASTIC_RUN_ID"]
    return f"torchrun process {os.getppid()}" if name == "none" else name


@contextmanager
def one_voice() -> Iterator[None]:
    """Within, only the first process prints; the errors of all of them are seen."""
    if rank() == 0:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def store(timeout: timedelta, *purpose: str) -> Store:
    """Where torchrun's processes leave word for each other; empty after a restart, and for each purpose its own."""
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    # Kept by torchrun itself, so it outlives every process; what an earlier attempt wrote is still there
    name = "/".join(["robustill", os.environ["TORCHELASTIC_RESTART_COUNT"], str(size()), *purpose])
    return PrefixStore(name, TCPStore(*place, is_master=False, wait_for_workers=False, timeout=timeout))


def cause(sentence: str) -> str | None:
    """How to say what this process found wrong; None where another has said the same, as with bad input."""
    if size() == 1:
        return sentence
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # torchrun's, as soon as another has ended
    if rank():
        time.sleep(GRACE)
    try:
        shared = store(timedelta(seconds=PATIENCE))
        shared.add("said", 1)
        first = shared.add(blake2b(sentence.encode()).hexdigest(), 1) == 1
    except RuntimeError:  # torchrun is gone
        first = True
    if not first:
        return None
    return f"process {rank()} of {size()}, counted from 0: {sentence}" if rank() else sentence


def consequence(sentence: str, advice: str) -> str | None:
    """How to say that this process was stopped, by torchrun or because another no longer answers.

    Args:
        sentence: what is said where all processes still answer: somebody stopped them all.
        advice: how to go on.

    Returns:
        None where another process has said why; a sentence that names the processes that do not answer, if any.
    """
    if size() == 1:
        return f"{sentence} {advice}"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's; it waits half a minute
    try:
        shared = store(timedelta(seconds=PATIENCE))
        if shared.add("said", 0):
            return None
        missing = _missing(shared)
        if shared.add("said", 1) > 1:
            return None
    except RuntimeError:
        return f"{sentence} {advice}"
    if not missing:
        return f"{sentence} {advice}"
    names = " and ".join(map(str, missing))
    return f"Process {names} of {size()}, counted from 0, died or does not answer, so the others stopped. {advice}"


def lost_touch(error: Exception) -> bool:
    """Whether an error says that other processes cannot be reached; PyTorch gives some of them no type of their own."""
    kind = type(error).__name__
    return size() > 1 and (kind.startswith("Dist") or re.search("gloo|nccl", str(error), re.IGNORECASE) is not None)


def _missing(shared: Store) -> list[int]:
    """Who does not answer a roll call."""
    shared.set(f"here/{rank()}", "")
    missing, since = list(range(size())), time.monotonic()
    while missing and time.monotonic() - since < PATIENCE:
        time.sleep(0.05)
        missing = [other for other in missing if not shared.check([f"here/{other}"])]
    return missing


def print_error(sentence: str | None) -> None:
    """To the error stream, at once and whole: other processes write there too."""
    if sentence is not None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
