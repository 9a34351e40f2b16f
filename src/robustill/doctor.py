"""What this machine offers, and what would be in the way of a long run."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from robustill.environment import environment
from robustill.training.precision import choose_precision

State = Literal["fine", "absent", "warning", "bad"]
EXTRAS = {
    "reference": ("pyautoattack", "AutoAttack(engine='reference')"),
    "timm": ("timm", "timm: models and teachers"),
    "hub": ("datasets", "hf: images and teachers"),
    "cluster": ("ray", "robustill sweep --ray"),
    "tensorboard": ("tensorboard", "robustill train --tensorboard"),
}
"""Extra -> the module that it brings, what it is for."""
ENOUGH = 2.0
"""GiB that a run of a ResNet-18 may take: a few states with momentum, two checkpoints, evaluations."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and whether that is fine, absent (and optional), or in the way."""

    what: str
    found: str
    state: State = "fine"


def findings(folder: Path) -> Iterator[Finding]:
    """Everything, in reading order.

    Args:
        folder: where runs are to be written; it need not exist yet.
    """
    facts = environment()
    yield Finding("robustill", f"{facts['robustill']} ({facts['git']}), Python {facts['python']}")
    yield Finding("PyTorch", f"{facts['torch']}, {facts['threads']} CPU threads")
    yield Finding("machine", str(facts["machine"]))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = choose_precision("auto", device) == "bfloat16"
    yield Finding(
        "GPU", torch.cuda.get_device_name() if device.type == "cuda" else "none", _optional(device.type == "cuda")
    )
    natively = "multiplied natively: --precision auto takes it" if bf16 else "not native here: training is in float32"
    yield Finding("bfloat16", natively, _optional(bf16))
    yield _load()
    yield _disk(folder)
    yield _writable(folder)
    yield Finding("torchrun", *_torchrun())
    for extra, (module, purpose) in EXTRAS.items():
        yield Finding(f"[{extra}]", *_extra(extra, module, purpose))


def _optional(there: bool) -> State:
    return "fine" if there else "absent"


def _load() -> Finding:
    """Others' work on the same cores makes timings worthless, and two threads slower than one."""
    if not hasattr(os, "getloadavg"):
        return Finding("load", "unknown on this system", "absent")
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    text = f"{load:.1f} processes wanted {cores} cores in the last minute"
    return Finding("load", text) if load <= cores else Finding("load", f"{text}: timings mean little now", "warning")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free / 2**30
    return Finding("disk", f"{free:,.1f} GiB free for {folder}", "fine" if free >= ENOUGH else "bad")


def _writable(folder: Path) -> Finding:
    place = _existing(folder)
    if file := next((above for above in (folder, *folder.parents) if above.is_file()), None):
        return Finding("writing", f"{file} is a file: runs need a folder", "bad")
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding("writing", f"{folder} can be written")
    except OSError as error:
        return Finding("writing", f"{place}: {error.strerror}", "bad")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_dir())


def _torchrun() -> tuple[str, State]:
    if not torch.distributed.is_available():
        return "not in this build of PyTorch", "absent"
    engines = {"gloo": torch.distributed.is_gloo_available(), "nccl": torch.distributed.is_nccl_available()}
    there = [name for name, found in engines.items() if found]
    return f"with {' and '.join(there)}" if there else "without an engine", _optional(bool(there))


def _extra(extra: str, module: str, purpose: str) -> tuple[str, State]:
    try:  # not ``find_spec``: it takes a folder of that name for the package
        return f"{module} {importlib.metadata.version(module)}, for {purpose}", "fine"
    except importlib.metadata.PackageNotFoundError:
        return f"not installed; for {purpose}: pip install 'robustill[{extra}]'", "absent"
