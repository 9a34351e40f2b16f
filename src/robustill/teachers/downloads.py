"""A file from the network, whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import shutil
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from robustill.files import replacing
from robustill.teachers.containers import require_weights_file

TIMEOUT = 20.0
"""Seconds to wait for an answer, and for the next piece of a file."""


def download(url: str, file: Path, *, size: int | None = None, sha256: str | None = None) -> None:
    """Puts the weights at ``url`` into ``file``, which appears only when all of it has come and is what it should be.

    Raises:
        ValueError: the server cannot be reached or refuses, the transfer breaks off, or what comes is a web page or
            another file than ``size`` and ``sha256`` describe.
    """
    try:
        with urlopen(Request(url, headers={"User-Agent": "robustill"}), timeout=TIMEOUT) as answer:
            announced = answer.headers.get("Content-Length")
            with replacing(file) as temporary:
                with temporary.open("wb") as target:
                    shutil.copyfileobj(answer, target, 1 << 20)
                received = temporary.stat().st_size
                if announced is not None and received != int(announced):
                    raise ValueError(f"the transfer broke off after {received} of {announced} bytes")
                require_weights_file(temporary, called="the answer")
                require_published(temporary, size=size, sha256=sha256, called="the answer")
    except (OSError, HTTPException) as error:
        raise ValueError(str(getattr(error, "reason", None) or error) or type(error).__name__) from None


def require_published(file: Path, *, size: int | None, sha256: str | None, called: str) -> None:
    """Refuses another file than the one that was published.

    Raises:
        ValueError: its size or its hash differs; the message calls it ``called``.
    """
    found = file.stat().st_size
    if size is not None and found != size:
        whole = "its end may be missing" if found < size else "it is another file"
        raise ValueError(f"{called} has {found} bytes where the published file has {size}; {whole}.")
    if sha256 is not None:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != sha256:
            raise ValueError(f"{called} is not the published file: its SHA-256 is {digest}, not {sha256}.")
