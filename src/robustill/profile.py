"""Where the time of a training step goes: the loop itself is run for some steps on a copy of the student, and watched.

Every moment belongs to what began last: the networks say when they are called and when gradients reach their logits and
their images, the attack when it begins and ends, the optimizer and the batches likewise. A GPU is waited for each time,
and nothing is recorded as a CUDA graph: a step takes longer there while it is watched, so it is measured once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from robustill.attacks.base import Attack, Loss
from robustill.attacks.starts import Start
from robustill.setting import Setting
from robustill.training import EpochSource, fit
from robustill.types import Images, Labels

PHASES = (
    "data",
    "attack: student",
    "attack: teacher",
    "attack: rest",
    "outer: student",
    "outer: teacher",
    "outer: rest",
    "optimizer",
)
"""What a step consists of. The teacher's is both teachers' time; the rest is losses, signs, projections, copies."""

RECORDED = 10
"""How many steps are measured at least where they are recorded as CUDA graphs, which are short."""

BUSY = 0.8
"""A machine is called busy where the process gets less of the time than this."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The mean over some steps.

    Attributes:
        steps: how many, after one that does not count.
        seconds: by phase, of one step that is watched.
        step: seconds of one step of training; where nothing is recorded as a CUDA graph, the sum over the phases.
        own: the share of the time in which this program's first thread was computing; others had the rest. 1 on a GPU.
    """

    steps: int
    seconds: dict[str, float]
    step: float
    own: float

    @property
    def busy(self) -> bool:
        """Whether other programs took so much of the time that it means little."""
        return self.own < BUSY

    def to_json(self) -> dict[str, Any]:
        return {"steps": self.steps, "step_seconds": self.step, "phase_seconds": self.seconds, "own": self.own}

    def __str__(self) -> str:
        watched = sum(self.seconds.values())
        lines = [f"{name:>16}  {s:9.4f} s  {s / watched:4.0%}" for name, s in self.seconds.items() if s]
        recorded = f"; {watched:.4f} s while it is watched" if watched != self.step else ""
        return "\n".join([*lines, f"{'a step':>16}  {self.step:9.4f} s, mean of {self.steps}{recorded}"])


def profile(setting: Setting, steps: int = 1) -> Profile:
    """Trains a copy of a run's student for some steps, the first one not counted.

    Raises:
        ValueError: what cannot be trained; the method and the other choices do not fit each other.
    """
    clock, student = _Clock(setting.device), deepcopy(setting.student)
    lasting = replace(setting.run.optimizer, lr=1e-9)  # the loss is to stay what it is
    options = setting.fit_options | {"optimizer": lasting}
    watched = options | {"attack": _timed(setting.run.attack, clock), "cuda_graphs": False}
    with ExitStack() as watch:
        _listen(student, "student", clock, watch)
        for teacher in filter(None, setting.asked):
            _listen(teacher, "teacher", clock, watch)
        watch.callback(register_optimizer_step_pre_hook(lambda *_: clock.enter("optimizer")).remove)
        watch.callback(register_optimizer_step_post_hook(lambda *_: clock.enter("outer: rest")).remove)
        list(fit(student, setting.asked[0], _Steps(setting.batches, 1, steps, clock), epochs=1, **watched))
    seconds = {name: clock.seconds[name] / steps for name in PHASES}
    own = 1.0 if setting.device.type == "cuda" else min(clock.own / sum(clock.seconds.values()), 1.0)
    step = sum(seconds.values())
    if setting.run.cuda_graphs:  # the first step is made as it is, the second is recorded
        counted = max(steps, RECORDED)
        list(fit(student, setting.asked[0], _Steps(setting.batches, 2, counted, clock), epochs=1, **options))
        step = sum(clock.seconds.values()) / counted
    return Profile(steps=steps, seconds=seconds, step=step, own=own)


class _Clock:
    """Adds up the seconds of phases, each of which ends when the next begins."""

    def __init__(self, device: torch.device) -> None:
        self.stage = "outer"
        self._wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
        self.start()

    def start(self) -> None:
        """Forgets what was measured."""
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._phase, self._since, self._began = "outer: rest", time.perf_counter(), time.thread_time()

    def enter(self, phase: str) -> None:
        self._wait()
        now = time.perf_counter()
        self.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now
        self.own = time.thread_time() - self._began

    def enter_part(self, part: str) -> None:
        """A part of the stage at hand, attack or outer step."""
        self.enter(f"{self.stage}: {part}")


def _listen(network: nn.Module, part: str, clock: _Clock, watch: ExitStack) -> None:
    """Has a network tell the clock when its forward and its backward begin and end."""

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        clock.enter_part(part)
        if inputs[0].requires_grad:
            inputs[0].register_hook(lambda gradient: clock.enter_part("rest"))

    def after(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        clock.enter_part("rest")
        if logits.requires_grad:
            logits.register_hook(lambda gradient: clock.enter_part(part))

    watch.callback(network.register_forward_pre_hook(before).remove)
    watch.callback(network.register_forward_hook(after).remove)


def _timed(attack: Attack, clock: _Clock) -> Attack:
    class Timed(Attack):
        """The attack, which tells the clock when it begins and ends."""

        def maximize(
            self, loss: Loss, x: Images, *, start: Start | None = None, generator: Generator | None = None
        ) -> Images:
            clock.stage = "attack"
            clock.enter_part("rest")
            x_adv = attack.maximize(loss, x, start=start, generator=generator)
            clock.stage = "outer"
            clock.enter_part("rest")
            return x_adv

    return Timed()


class _Steps:
    """Batches that do not count and batches that do, of as many epochs as they take; then the clock starts."""

    def __init__(self, source: EpochSource, before: int, steps: int, clock: _Clock) -> None:
        self._source, self._before, self._steps, self._clock = source, before, steps, clock

    def __len__(self) -> int:
        return self._before + self._steps

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        batches = iter(chain.from_iterable(self._source.epoch(n) for n in count(number)))
        for step in range(len(self)):
            if step == self._before:
                self._clock.start()
            self._clock.enter("data")
            batch = next(batches)
            self._clock.enter("outer: rest")
            yield batch
        self._clock.enter("outer: rest")
