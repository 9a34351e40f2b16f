"""What has been measured is written down after every batch, so that no batch is ever measured twice.

A file holds one measurement of one batch. Its name is a digest of everything that decides the numbers: the weights and
the structure of the networks, the numbers and texts that their modules hold, the images and labels, the number of the
batch (its noise depends on it), the seed, the text of the measurement, the kind of device, the versions of this library
and of PyTorch. So a part of another network, of other images or of another attack is never taken for this one; it is
not found. Of somebody else's function only the name is known: whoever changes it removes the parts.

An interrupted evaluation goes on after the last finished batch. Several processes may share a folder, or their folders
may be put together afterwards.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import robustill
from robustill.evaluation.measurement import Measurement
from robustill.files import replacing
from robustill.types import Images, Labels

SECONDS = "seconds"
"""The array of a part that holds how long it took."""


class Ledger:
    """The finished batches of one evaluation, in a folder.

    Attributes:
        seconds: what the parts that were read had taken when they were measured.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self._used: set[Path] = set()

    def page(self, model: nn.Module, measurement: Measurement, seed: int) -> Page:
        """Where one measurement of one model is written down."""
        networks = [fingerprint(network) for network in (model, *measurement.networks)]
        versions = robustill.__version__, torch.__version__
        return Page(
            self, repr((networks, type(measurement).__name__, measurement.name, measurement.text, seed, versions))
        )

    def read(self, file: Path) -> dict[str, np.ndarray] | None:
        """A part, or None where there is none, or none that can be read."""
        self._used.add(file)
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                part = dict(archive)
            self.seconds += float(part.pop(SECONDS))
        except Exception:  # numpy, zipfile and struct have their own errors for what is damaged
            return None
        return part

    def write(self, file: Path, part: Mapping[str, np.ndarray], seconds: float) -> None:
        """Writes a part, whole or not at all."""
        with replacing(file) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **part, seconds=np.float64(seconds))  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle

    def clear(self) -> None:
        """Removes the parts that were read or written, once what they add up to has been written down elsewhere."""
        for file in self._used:
            file.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


@dataclass(frozen=True)
class Page:
    """One measurement of one model: its batches are measured or read."""

    ledger: Ledger
    subject: str

    def entry(
        self, step: int, x: Images, y: Labels, measure: Callable[[], Mapping[str, np.ndarray]]
    ) -> Mapping[str, np.ndarray]:
        """The part of a batch as it was written down, or else measured now and written down."""
        file = self.ledger.folder / f"{step:05d}-{self._digest(step, x, y)}.npz"
        part = self.ledger.read(file)
        if part is None:
            began = time.perf_counter()
            part = dict(measure())
            self.ledger.write(file, part, time.perf_counter() - began)
        return part

    def _digest(self, step: int, x: Images, y: Labels) -> str:
        digest = blake2b(repr((self.subject, step, x.device.type)).encode(), digest_size=16)
        for tensor in (x, y):
            _feed(digest, tensor)
        return digest.hexdigest()


def fingerprint(network: nn.Module) -> str:
    """A digest of a network's structure, parameters, buffers, and the plain numbers and texts that its modules hold.

    Not of its mode, which no measurement depends on.
    """
    structure = re.sub(r" at 0x[0-9a-f]+", "", repr(network))  # where a function lies differs from process to process
    digest = blake2b(structure.encode(), digest_size=16)
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        digest.update(name.encode())
        _feed(digest, tensor)
    for name, module in network.named_modules():
        plain = {key: value for key, value in vars(module).items() if key != "training" and _is_plain(value)}
        digest.update(repr((name, sorted(plain.items()))).encode())
    return digest.hexdigest()


def _is_plain(value: object) -> bool:
    """Whether a value is written out by ``repr``, in every process alike."""
    return isinstance(value, int | float | str) or (isinstance(value, tuple | list) and all(map(_is_plain, value)))


def _feed(digest: blake2b, tensor: Tensor) -> None:
    values = tensor.detach().cpu().contiguous()
    digest.update(repr((values.dtype, tuple(values.shape))).encode())
    digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
