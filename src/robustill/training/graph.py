"""Training steps recorded as CUDA graphs: a GPU is told once what a step consists of, and then to do it again.

A step is thousands of short kernels. Told one by one by Python, a GPU often waits for the next; told as a graph, never.
The kernels, their order and the numbers they draw are those of a step that is not recorded.
"""

from __future__ import annotations

import warnings

import torch
from torch import Generator, nn

from robustill.team import Team
from robustill.training.step import Descend, Descent
from robustill.types import Images, Labels
from robustill.wording import first_line


class Recorded:
    """A descent that is recorded when images of a shape come the second time, and again for another progress.

    What it finds lies in tensors that the next descent writes over, and the generator it is given stays where it is. A
    descent that waits for the GPU cannot be recorded: it is made as it is, and a warning says so.

    Args:
        descend: on a GPU, in one process; the same kernels for the same sizes and progress.
        student: whose gradients it finds.
    """

    def __init__(self, descend: Descend, student: nn.Module) -> None:
        self._descend, self._student = descend, student
        self._progress = -1.0
        self._tapes: dict[torch.Size, _Tape] = {}
        self._met: set[torch.Size] = set()
        self._refused = False

    def __call__(self, x: Images, y: Labels, *, progress: float, generator: Generator) -> Descent:
        tape = self._tape(x, y, progress) if x.shape in self._met else None
        self._met.add(x.shape)  # the first time libraries choose algorithms and networks compile: not to be recorded
        return tape.replay(x, y, generator) if tape else self._descend(x, y, progress=progress, generator=generator)

    def _tape(self, x: Images, y: Labels, progress: float) -> _Tape | None:
        """The record for images of this shape, made now where there is none; None where none can be made."""
        current = self._tapes if progress == self._progress else {}
        if x.shape not in current and not self._refused:
            before = next(iter(self._tapes.values()), None)  # kept until the new one shares its memory
            try:
                current = {**current, x.shape: _Tape(self._descend, self._student, x, y, progress, before)}
            except RuntimeError as error:
                self._refused, current = True, {}
                self._student.zero_grad()  # of what was recorded by half
                warnings.warn(
                    f"Training steps are not recorded as a CUDA graph, and so are slower: {first_line(error)}",
                    RuntimeWarning,
                    stacklevel=3,
                )
            self._tapes, self._progress = current, progress
        return current.get(x.shape)


def recordable(device: torch.device, team: Team, *, accumulate: int = 1, gradient_checkpointing: bool = False) -> bool:
    """Whether steps can be recorded: on a GPU, by one process that goes through its images at once and only once."""
    return device.type == "cuda" and team.size == accumulate == 1 and not gradient_checkpointing


class _Tape:
    """A recorded descent for images of one shape."""

    def __init__(
        self,
        descend: Descend,
        student: nn.Module,
        x: Images,
        y: Labels,
        progress: float,
        before: _Tape | None,
    ) -> None:
        self._x, self._y, self._generator = x.clone(), y.clone(), Generator(x.device)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._generator)
        with torch.cuda.graph(self._graph, pool=before._graph.pool() if before else None):
            self._found = descend(self._x, self._y, progress=progress, generator=self._generator)
        self._gradients = [(parameter, parameter.grad) for parameter in student.parameters()]

    def replay(self, x: Images, y: Labels, generator: Generator) -> Descent:
        self._x.copy_(x)
        self._y.copy_(y)
        self._generator.set_state(generator.get_state())
        self._graph.replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._found
