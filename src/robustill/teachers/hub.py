"""Teachers from the Hugging Face hub: our own format, or weights that the text describes. Extra: ``[hub]``.

``HF_ENDPOINT`` names another hub, ``HF_HUB_OFFLINE=1`` allows none; what was fetched once stays in the hub's own cache.
Nothing of a repository is executed: its pickles are read as :mod:`robustill.teachers.containers` reads every pickle.
"""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

from robustill.models import Classifier, load_model
from robustill.models.checkpoint import CONFIG, WEIGHTS
from robustill.teachers.described import divided, load_described, require_described

EVALUATION = "evaluation/model.json"


def load_hub(text: str) -> Classifier:
    """The network of ``OWNER/NAME[@REVISION]`` or, described, of one of its files: ``OWNER/NAME?file=...&preset=...``.

    Raises:
        FileNotFoundError: the hub cannot be reached, and the file has not been fetched before.
        ValueError: huggingface_hub is not installed, there is no such repository, revision or file, or the file is not
            what the text says.
    """
    address, query = divided(text)
    if not query:
        return _load_own(address)
    name = query.pop("file", WEIGHTS)
    require_described(query, form="hf:OWNER/NAME", text=f"hf:{text}")
    return load_described(_fetch(address, name), query)


def _load_own(address: str) -> Classifier:
    folder = fetch_model(address)
    try:
        return load_model(folder)
    except ValueError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}. If hf:{address} was not saved by robustill, say what network its weights are "
            f"for: hf:{address}?architecture=NAME (see robustill list models), and &file=NAME where it has several."
        ) from None


def fetch_model(address: str) -> Path:
    """The local folder with the two files of our own format.

    Raises:
        FileNotFoundError, ValueError: see :func:`load_hub`.
    """
    _fetch(address, WEIGHTS)
    return _fetch(address, CONFIG).parent


def fetch_evaluation(address: str) -> None:
    """Puts the evaluation beside the weights, where the repository has one."""
    try:
        _fetch(address, EVALUATION)
    except (FileNotFoundError, ValueError):
        return


def _fetch(address: str, name: str) -> Path:
    repository, revision = _parsed(address)
    hub = _library(address)
    try:
        path = hub.hf_hub_download(repository, name, revision=revision, endpoint=os.environ.get("HF_ENDPOINT"))
    except Exception as error:  # of the hub, of HTTP, of the file system: they have no nearer base in common
        raise _sentence(error, hub.errors, f"hf:{address}", name) from None
    return Path(path)


def _parsed(address: str) -> tuple[str, str | None]:
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@(\S+))?", address)
    if match is None:
        raise ValueError(
            f"A network of the hub is written hf:OWNER/NAME or hf:OWNER/NAME@REVISION. Found: 'hf:{address}'."
        )
    return match[1], match[2]


def _library(address: str) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ValueError(
            f"hf:{address} needs the package huggingface_hub, which cannot be imported ({error}); "
            "install it with: pip install 'robustill[hub]'."
        ) from None


def _sentence(error: Exception, errors: Any, what: str, name: str) -> Exception:
    """An error of the hub in our words; ``errors`` is its module of them."""
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return FileNotFoundError(
            f"{name} of {what} has not been fetched before, and the hub cannot be reached. Try again with a network, "
            "or name a copy with file:PATH."
        )
    if isinstance(error, errors.EntryNotFoundError):
        return ValueError(
            f"{what} has no file {name}. A network saved by robustill has {WEIGHTS} and {CONFIG}; the weights of "
            "another are named with ?file=NAME&architecture=NAME."
        )
    if isinstance(error, errors.GatedRepoError):
        return ValueError(f"{what} must be asked for on the hub; do so, and log in with: hf auth login.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return ValueError(f"The hub has no {what}, or it is private; check the name, or log in with: hf auth login.")
    if isinstance(error, errors.RevisionNotFoundError):
        return ValueError(f"{what} names a revision that is not there; without one the newest is taken.")
    return FileNotFoundError(f"{name} of {what} cannot be fetched ({type(error).__name__}: {error}).")
