"""Writing files so that a reader never finds half of one, and reading them so that damage is noticed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from robustill.wording import in_words

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DIGEST = "digest"
"""The entry of a signed file that holds the digest of all others."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path; when the block ends well, that file is flushed and takes the place of ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)  # what the user knows of
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Makes the new name outlast a power cut, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some file systems cannot flush a folder
        pass
    finally:
        os.close(descriptor)


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Keeps a file for this process: until the block, or the process, ends, others that ask for it are refused.

    Nothing is refused on systems that have no such locks.

    Raises:
        ValueError: another process has it.
    """
    with path.open("rb") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"Another process is at work in {path.parent}. Wait until it has ended, or end it, and go on then."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of processes that were killed while they wrote into a folder, or one below it.

    Only for the owner of the folder: another process may be writing.
    """
    for leftover in folder.rglob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: it is no JSON, or not all of it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON: {error}. Put back a copy, or have it written again.") from None


def write_signed(path: Path, entries: dict[str, Any]) -> None:
    """Writes a JSON object with a digest of its entries, by which a bit that a disk has flipped is noticed."""
    write_json(path, entries | {DIGEST: _digest(entries)})


def read_signed(path: Path) -> dict[str, Any]:
    """The entries of a signed file; one without a digest, as older versions wrote it, is taken as it is.

    Raises:
        ValueError: it is no JSON object, or not the one that was written.
    """
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise ValueError(f"{path} should hold a JSON object; found {in_words(type(entries))}.")
    noted = entries.pop(DIGEST, None)
    if noted not in (None, _digest(entries)):
        raise ValueError(
            f"{path} is damaged: its entries do not have the digest noted in it. Put back a copy or have it written "
            f"again; if you changed it on purpose, remove its entry {DIGEST!r}."
        )
    return entries


def _digest(entries: dict[str, Any]) -> str:
    return sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]


def at_home(path: str | Path) -> Path:
    """A path, whose ~ is the user's home and ~NAME that of another.

    Raises:
        ValueError: nobody has that name.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"~ must be a home that this machine knows. Found: {path}. Write the folder out.") from None


def require_writable(path: Path) -> None:
    """Refuses a file that cannot be written, before hours are spent on what it is to hold.

    Raises:
        ValueError: there is a folder, or it would lie below a file.
        OSError: the system does not allow it.
    """
    if path.is_dir():
        raise ValueError(f"{path} must be a file, and is a folder. Name a file in it, such as {path / 'result.json'}.")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise ValueError(f"{path} must lie in a folder; {above} is a file. Name another place.")
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        error.filename = str(path)
        raise
