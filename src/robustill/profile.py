"""Where the time of a training step goes: the loop itself is run for some steps on a copy of the student, and watched.

Every moment belongs to what began last: the networks say when they are called and when gradients reach their logits and
their images, the attack when it begins and ends, the optimizer and the batches likewise. A GPU is waited for each time,
so a step takes a little longer there while it is watched.
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

BUSY = 0.8
"""A machine is called busy where the process gets less of the time than this."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The mean over some steps.

    Attributes:
        steps: how many, after one that does not count.
        seconds: by phase, of one step.
        own: the share of the time in which this program's first thread was computing; others had the rest. 1 on a GPU.
    """

    steps: int
    seconds: dict[str, float]
    own: float

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return sum(self.seconds.values())

    @property
    def busy(self) -> bool:
        """Whether other programs took so much of the time that it means little."""
        return self.own < BUSY

    def to_json(self) -> dict[str, Any]:
        return {"steps": self.steps, "step_seconds": self.step, "phase_seconds": self.seconds, "own": self.own}

    def __str__(self) -> str:
        lines = [f"{name:>16}  {s:9.4f} s  {s / self.step:4.0%}" for name, s in self.seconds.items() if s]
        return "\n".join([*lines, f"{'a step':>16}  {self.step:9.4f} s, mean of {self.steps}"])


def profile(setting: Setting, steps: int = 1) -> Profile:
    """Trains a copy of a run's student for some steps, the first one not counted.

    Raises:
        ValueError: what cannot be trained; the method and the other choices do not fit each other.
    """
    clock, student = _Clock(setting.device), deepcopy(setting.student)
    options = setting.fit_options | {
        "attack": _timed(setting.run.attack, clock),
        "optimizer": replace(setting.run.optimizer, lr=1e-9),  # the loss is to stay what it is
    }
    with ExitStack() as watch:
        _listen(student, "student", clock, watch)
        for teacher in filter(None, (setting.teacher, setting.natural_teacher)):
            _listen(teacher, "teacher", clock, watch)
        watch.callback(register_optimizer_step_pre_hook(lambda *_: clock.enter("optimizer")).remove)
        watch.callback(register_optimizer_step_post_hook(lambda *_: clock.enter("outer: rest")).remove)
        list(fit(student, setting.teacher, _Steps(setting.batches, 1 + steps, clock), epochs=1, **options))
    own = 1.0 if setting.device.type == "cuda" else min(clock.own / sum(clock.seconds.values()), 1.0)
    return Profile(steps=steps, seconds={name: clock.seconds[name] / steps for name in PHASES}, own=own)


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
    """So many batches, of as many epochs as they take; the clock starts with the second."""

    def __init__(self, source: EpochSource, steps: int, clock: _Clock) -> None:
        self._source, self._steps, self._clock = source, steps, clock

    def __len__(self) -> int:
        return self._steps

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        batches = iter(chain.from_iterable(self._source.epoch(n) for n in count(number)))
        for step in range(self._steps):
            if step == 1:
                self._clock.start()
            self._clock.enter("data")
            batch = next(batches)
            self._clock.enter("outer: rest")
            yield batch
        self._clock.enter("outer: rest")
