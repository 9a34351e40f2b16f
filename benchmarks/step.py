"""The time of a whole training step, ours against the published scripts': attack, outer step and optimizer.

    python -m benchmarks.step --quick                                    # two minutes: small networks, to see it work
    python -m benchmarks.step --methods 'RSLAD + IGDM,AdaAD + IGDM'      # half-width ResNet-18, WRN-16-4 as teacher
    python -m benchmarks.step --student 'ResNet(depth=18)' --teacher 'WideResNet(depth=28, factor=10)' --batch 64

The reference, ours in float32 and ours in the precision that "auto" takes work in turns, each in a process of its own:
how freed memory is kept and how much memory was held at most belong to a process. While one works the others wait for
it. All begin with the same networks, images and noise, and that both sides compute the same loss is checked before. The
first turn does not count. What is reported is the median over the others, its ratio to the reference's and the share of
what the machine does at most: a large matrix product or a large convolution in the same precision, whichever is faster.

    python -m benchmarks.step --device cuda --turn 10 --precision 'float32,bfloat16,bfloat16 eager'

On a GPU a turn is better made of several steps, at whose end it is waited for, as in training. After a precision may
stand "checkpointed", which is training with gradient_checkpointing, "eager", which records no CUDA graphs, "compiled",
by torch.compile, and "tuned": cuDNN times its algorithms.

Written after each method, and continued from there when it is called again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Generator, Tensor

from benchmarks.machine import CPU, Clock, peak_memory, peaks
from benchmarks.reference import CLASSES, PUBLISHED
from robustill.allocation import keep_freed_memory
from robustill.attacks import PGD, Linf
from robustill.cost import cost, forward_macs
from robustill.environment import environment
from robustill.files import write_json
from robustill.models import Classifier, create_model
from robustill.team import ALONE
from robustill.training import SGD, choose_precision
from robustill.training.acceleration import accelerated
from robustill.training.graph import recordable
from robustill.training.step import descend

RESULTS = Path(__file__).parent / "results" / "step"
AGREE = 1e-9
"""How far the losses may be apart, relative to the reference's, in float64."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained with: networks by their expressions, images of ``channels`` x ``side`` x ``side``."""

    student: str
    teacher: str
    batch: int
    steps: int
    channels: int = 3
    side: int = 32

    @property
    def attack(self) -> PGD:
        return PGD(budget=Linf(8 / 255), steps=self.steps, step_size=2 / 255)

    def networks(self) -> tuple[Classifier, Classifier]:
        """The same at every call; the teacher's running statistics are those of some images."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            student = create_model(self.student, CLASSES, in_channels=self.channels)
            teacher = create_model(self.teacher, CLASSES, in_channels=self.channels)
            with torch.no_grad():
                teacher(torch.rand(16, self.channels, self.side, self.side))
        return student.train(), teacher.eval()


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Where steps are timed, in turns of how many, and how many turns count."""

    threads: int = 1
    device: torch.device = CPU
    turn: int = 1
    repeats: int = 3


def contestant(task: Task, method: str, name: str, device: torch.device = CPU) -> Callable[[int], Tensor]:
    """A training step that gives its loss: of the ``reference``, or ours in the precision that ``name`` says.

    After the precision may stand "checkpointed", "eager", "compiled" and "tuned".
    """
    published, attack = PUBLISHED[method], task.attack
    precision, *how = name.split()
    generator = Generator().manual_seed(1)
    x = torch.rand(task.batch, task.channels, task.side, task.side, generator=generator).to(device)
    y = torch.randint(CLASSES, (task.batch,), generator=generator).to(device)
    student, teacher = (network.to(device) for network in task.networks())
    if name != "reference":
        for network in (student, teacher.requires_grad_(False)):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in the docs, not in the stubs
    optimizer = SGD().build(student.parameters())
    options: dict[str, Any] = {
        "method": published.method,
        "attack": attack,
        "precision": precision,
        "gradient_checkpointing": "checkpointed" in how,
    }
    ours = accelerated(
        partial(descend, student, teacher, **options),
        student,
        [teacher],
        compile="compiled" in how,
        cudnn_benchmark="tuned" in how,
        record="eager" not in how and recordable(device, ALONE, gradient_checkpointing="checkpointed" in how),
    )

    def step(seed: int) -> Tensor:
        optimizer.zero_grad()
        if name == "reference":
            loss = published.loss(student, teacher, x, y, attack, seed)
            loss.backward()
        else:
            loss = ours(x, y, progress=1.0, generator=Generator(device).manual_seed(seed)).loss
        optimizer.step()
        return loss.detach()

    return step


def work(connection: Connection, task: Task, method: str, name: str, conditions: Conditions) -> None:
    """The process of a contestant: a turn of steps for every seed it is told, until it is told None."""
    device, turn = conditions.device, conditions.turn
    torch.set_num_threads(conditions.threads)
    if name != "reference":
        keep_freed_memory()
    before = peak_memory(device)
    step = contestant(task, method, name, device)
    for seed in iter(connection.recv, None):
        clock = Clock(device)
        with clock.running():
            losses = [step(turn * seed + number) for number in range(turn)]
        seconds = {"seconds": clock.seconds / turn, "wall": clock.wall / turn}
        connection.send(seconds | {"loss": losses[0].item(), "memory": peak_memory(device) - before})


@contextmanager
def working(*arguments: Any) -> Iterator[Connection]:
    """A contestant in a process of its own."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=work, args=(its, *arguments), daemon=True)
    process.start()
    its.close()  # so that an end of the process is an end of the pipe
    try:
        yield ours
        ours.send(None)
    finally:
        process.join(timeout=60)
        process.kill()


def compete(task: Task, method: str, names: Sequence[str], conditions: Conditions) -> dict[str, Any]:
    """One turn that does not count and then those that do; all that was measured, by contestant."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with ExitStack() as stack:
        contestants = {name: stack.enter_context(working(task, method, name, conditions)) for name in names}
        for seed in range(1 + conditions.repeats):
            for name, connection in contestants.items():
                connection.send(seed)
                taken[name].append(connection.recv())
    return {
        name: {
            "seconds": [step["seconds"] for step in steps[1:]],
            "wall": [step["wall"] for step in steps[1:]],
            "loss": steps[0]["loss"],
            "memory": steps[-1]["memory"],
        }
        for name, steps in taken.items()
    }


def check_losses(task: Task, method: str, device: torch.device = CPU) -> None:
    """Refuses to compare the times of different work: both losses of two images after one step of PGD, in float64.

    In float32 they differ by more than roundings: a gradient near zero changes its sign, and PGD takes another way.
    """
    published, attack = PUBLISHED[method], replace(task.attack, steps=1)
    if published.step is None:
        return
    x = torch.rand(2, task.channels, task.side, task.side, dtype=torch.float64, device=device)
    y = torch.tensor([0, 1], device=device)
    student, teacher = (network.double().to(device) for network in task.networks())
    expected = published.loss(student, teacher, x, y, attack, seed=0).item()
    student, teacher = (network.double().to(device) for network in task.networks())
    noise = Generator(device).manual_seed(0)
    found = descend(student, teacher, x, y, method=published.method, attack=attack, generator=noise).loss.item()
    if abs(found - expected) > AGREE * abs(expected):
        raise RuntimeError(
            f"Both sides should compute the same loss. Found: {expected} (reference) and {found} (ours)."
        )


def operations(task: Task, method: str) -> float:
    """Floating-point operations of our step, counted."""
    student, teacher = task.networks()
    x = torch.zeros(1, task.channels, task.side, task.side)
    macs = forward_macs(student, x)
    units = cost(PUBLISHED[method].method, task.attack).units(forward_macs(teacher, x) / macs)
    return 2 * macs * units * task.batch


def summary(row: dict[str, Any], machine: dict[str, dict[str, float]]) -> list[str]:
    """A row of the table: seconds, ratios, share of the peak, memory."""
    measured, cells = row["measured"], [row["method"], str(row["threads"])]
    reference = measured.get("reference")
    cells.append(f"{median(reference['seconds']):.2f}" if reference else "")
    for name, taken in measured.items():
        if name == "reference":
            continue
        seconds = median(taken["seconds"])
        share = row["operations"] / seconds / max(machine[name.split()[0]].values())
        times = f" ({median(reference['seconds']) / seconds:.2f}x)" if reference else ""
        less = f" ({taken['memory'] / reference['memory']:.0%})" if reference else ""
        cells += [f"{seconds:.2f}{times}", f"{share:.0%}", f"{taken['memory'] / 2**20:,.0f}{less}"]
    return cells


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All rows in Markdown, seconds as medians."""
    names = [name for name in rows[0]["measured"] if name != "reference"]
    head = ["method", "threads", "reference, s"]
    for name in names:
        head += [f"{name}, s", "of the peak", "memory, MiB (of the reference's)"]
    lines = [head, ["---"] * len(head), *(summary(row, row["peaks"]) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measure(task: Task, methods: Sequence[str], names: Sequence[str], conditions: Conditions, file: Path) -> None:
    """Measures what ``file`` does not hold yet and writes it there."""
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    torch.set_num_threads(conditions.threads)
    device = conditions.device
    for method in methods:
        key = {"task": asdict(task), "method": method, "threads": conditions.threads, "device": device.type}
        if any(key.items() <= row.items() for row in rows):
            continue
        check_losses(task, method, device)
        contestants = [name for name in names if name != "reference" or PUBLISHED[method].step is not None]
        measured = compete(task, method, contestants, conditions)
        counted = {"operations": operations(task, method), "peaks": peaks(device=device), "environment": environment()}
        rows.append(key | counted | {"turn": conditions.turn, "measured": measured})
        write_json(file, {"rows": rows})
        print(table(rows[-1:]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="ResNet(depth=18, width=32)")
    parser.add_argument("--teacher", default="WideResNet(depth=16, factor=4)")
    parser.add_argument("--methods", default=",".join(PUBLISHED), help="names, with commas between")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="of PGD")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--turn", type=int, default=1, help="steps of a turn")
    parser.add_argument("--threads", default="1", help="one or more numbers, with commas between")
    parser.add_argument("--precision", default="float32,auto", help="of ours")
    parser.add_argument("--output", type=Path, default=RESULTS / "step.json", help="what it holds already is kept")
    parser.add_argument("--quick", action="store_true", help="small networks, two methods, PGD-5")
    given = parser.parse_args()
    if given.quick:
        given.student, given.teacher, given.batch = "ResNet(depth=18, width=16)", "WideResNet(depth=10, factor=2)", 32
        given.methods, given.steps, given.output = "RSLAD + IGDM,AdaAD + IGDM", 5, RESULTS / "quick.json"
    task = Task(student=given.student, teacher=given.teacher, batch=given.batch, steps=given.steps)
    device = torch.device(given.device)
    chosen = [choose_precision("auto", device) if name == "auto" else name for name in given.precision.split(",")]
    names = ["reference", *dict.fromkeys(chosen)]
    for threads in map(int, given.threads.split(",")):
        conditions = Conditions(threads=threads, device=device, turn=given.turn, repeats=given.repeats)
        measure(task, given.methods.split(","), names, conditions, given.output)
    print(table(json.loads(given.output.read_text(encoding="utf-8"))["rows"]))


if __name__ == "__main__":
    main()
