"""Every batch of a split measured, each of them at most once: what a ledger holds is not measured again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Generator, nn

from robustill.allocation import keep_freed_memory
from robustill.data.batches import in_order
from robustill.data.seeds import generator
from robustill.data.split import Split
from robustill.evaluation.device import device_of
from robustill.evaluation.ledger import Ledger
from robustill.evaluation.measurement import Measurement
from robustill.precision import exact_float32
from robustill.types import Images, Labels

Part = Mapping[str, np.ndarray]
"""What was measured of one batch, by the names of the arrays."""


@dataclass(frozen=True)
class Shard:
    """The batches that one of several processes measures: of 2/4 the 2nd, the 6th, the 10th ..."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ValueError(
                f"A shard is written i/n with i from 1 to n, such as 1/4. Found: {self.index}/{self.count}."
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise ValueError(f"A shard is written i/n with i from 1 to n, such as 1/4. Found: {text!r}.")
        return cls(int(match[1]), int(match[2]))

    def holds(self, step: int) -> bool:
        return step % self.count == self.index - 1


@exact_float32()
def measure_batches(
    model: nn.Module,
    split: Split,
    measurement: Measurement,
    *,
    batch_size: int = 256,
    seed: int = 0,
    ledger: Ledger | None = None,
    shard: Shard = Shard(1, 1),
    advance: Callable[[float], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, np.ndarray]:
    """Measures every image of the split, or those of the shard's batches.

    The randomness of a batch is a function of the seed and of its number alone, so it does not matter which process
    measures it, or when.

    Args:
        model: from images in [0, 1] to logits.
        split: the images.
        measurement: what is measured.
        batch_size: images at a time. The noise of an attack depends on it.
        seed: of all noise.
        ledger: where every finished batch is written down at once, and read if it is there already; None keeps none.
        shard: which batches are measured.
        advance: told after each batch how many passes were made, for a progress bar.
        tell: told after each batch what has been found so far.

    Returns:
        The arrays of all images measured, in their order; nothing where the shard holds no batch.
    """
    device = device_of(model)
    keep_freed_memory()
    page = None if ledger is None else ledger.page(model, measurement, seed)
    parts: list[Part] = []
    for step, (x, y) in enumerate(in_order(split.to(device), batch_size)):
        if not shard.holds(step):
            continue
        noise = generator(seed, "evaluate", step, device=device)
        measure = partial(_measure, measurement, model, x, y, noise)
        parts.append(measure() if page is None else page.entry(step, x, y, measure))
        if advance is not None:
            advance(len(x) * measurement.passes)
        if tell is not None:
            tell(_so_far(measurement, parts))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _measure(measurement: Measurement, model: nn.Module, x: Images, y: Labels, noise: Generator) -> Part:
    return {name: values.cpu().numpy() for name, values in measurement(model, x, y, noise).items()}


def _so_far(measurement: Measurement, parts: Sequence[Part]) -> str:
    """``autoattack: 54.3 % of 1,024 so far``, or the means of what is no verdict."""
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    flags = found.get(f"correct_{measurement.name}")
    if flags is not None:
        return f"{measurement.name}: {100 * flags.mean():.1f} % of {len(flags):,} so far"
    means = ", ".join(f"{name} {values.mean():.4g}" for name, values in found.items())
    return f"{means} of {len(next(iter(found.values()))):,} so far"
