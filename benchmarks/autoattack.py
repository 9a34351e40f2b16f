"""AutoAttack of this library beside pyautoattack: the same network and images, one thread, verdict by verdict.

    python -m benchmarks.autoattack --quick                    # seconds, to see it work
    python -m benchmarks.autoattack --model run:runs/cifar10-teacher --data folder:cifar10 --images 1000 --repeats 3
    python -m benchmarks.autoattack --model run:runs/cifar10-teacher --data folder:cifar10 --widen 4 --images 8

The two work in turns, each on all the images of a part (``--part``) at once: both attack batches of 250, which is what
pyautoattack does unless told otherwise, filled up with images that the attacks before left standing. Ours draws the
noise that the reference draws (``seed=0``). pyautoattack gets the network as it is after loading: its parameters await
gradients, which its FAB computes. A turn is a process of its own, because how freed memory is kept belongs to one: ours
keeps it, as ``robustill evaluate`` does. Times are the processor's seconds on one thread, or on a GPU those of the
wall, the median over the repeats, for all and for each attack. Both multiply in float32, not in TF32.

Written after each turn, and continued from there when it is called again.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import wraps
from itertools import islice, product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import pyautoattack
import torch
from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
from pyautoattack.fab_pt import FABAttack_PT
from pyautoattack.square import SquareAttack
from torch import nn

from benchmarks.machine import Clock
from benchmarks.widen import widened
from robustill.allocation import keep_freed_memory
from robustill.attacks import APGD, L1, L2, Adversary, AutoAttack, Budget, Linf, Square, TargetedAPGD, TargetedFAB
from robustill.attacks.search import classify
from robustill.data import in_order, load
from robustill.environment import environment
from robustill.files import write_json
from robustill.models import Classifier, count_parameters
from robustill.precision import exact_float32
from robustill.teachers import load_teacher
from robustill.types import Images, Labels

RESULTS = Path(__file__).parent / "results" / "autoattack"
BUDGETS: dict[str, Budget] = {"Linf": Linf(8 / 255), "L2": L2(128 / 255), "L1": L1(12.0)}
CLOCKS = {"cpu": "seconds of the processor, on one thread", "cuda": "seconds of the wall"}
SEED = 0
QUICK = {"images": 8, "repeats": 1, "steps": 10, "queries": 50}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is attacked, and how thoroughly: the standard has 100 steps and 5,000 queries.

    Attributes:
        part: how many of the images an engine gets at once, and so evaluates by themselves.
        batch: how many it attacks at a time.
    """

    model: str = "demo"
    widen: int = 1
    data: str = "demo"
    images: int = 64
    part: int = 1000
    batch: int = 250
    norm: str = "Linf"
    repeats: int = 3
    steps: int = 100
    queries: int = 5000
    device: str = "cpu"

    def network(self) -> Classifier:
        network = load_teacher(self.model)
        network = widened(network, self.widen) if self.widen > 1 else network
        return network.to(self.device).requires_grad_(True)

    def images_of(self, part: int) -> tuple[Images, Labels]:
        batches = in_order(load(self.data).test.stratified(self.images, 0).to(self.device), self.part)
        return next(islice(batches, part, None))

    @property
    def parts(self) -> int:
        return -(-self.images // self.part)


class Shortened(AutoAttack):
    """AutoAttack with fewer steps and queries."""

    steps: int
    queries: int

    def attacks(self, classes: int) -> dict[str, Adversary]:
        return {
            name: replace(attack, queries=self.queries)
            if isinstance(attack, Square)
            else replace(attack, steps=self.steps)  # type: ignore[call-arg]  # the other three have them
            for name, attack in super().attacks(classes).items()
        }


def ours(task: Task, model: nn.Module, x: Images, y: Labels) -> Images:
    attack = Shortened(budget=BUDGETS[task.norm], seed=SEED, steps=task.steps, queries=task.queries)
    return replace(attack, batch_size=task.batch)(model, x, y)


def reference(task: Task, model: nn.Module, x: Images, y: Labels) -> Images:
    logging.getLogger("auto-attack").disabled = True
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():  # it seeds the global generator
        warnings.simplefilter("ignore")
        attack: Any = pyautoattack.AutoAttack(model, norm=task.norm, eps=BUDGETS[task.norm].radius, seed=SEED)
        for apgd in (attack.apgd, attack.apgd_targeted):
            apgd.n_iter = apgd.n_iter_orig = task.steps
            apgd.n_iter_2, apgd.size_decr, apgd.n_iter_min = (
                max(int(share * task.steps), 1) for share in (0.22, 0.03, 0.06)
            )
        attack.fab.n_iter, attack.square.n_queries = task.steps, task.queries
        x_adv: Images = attack.run_standard_evaluation(x, y, batch_size=task.batch)[0]
    return x_adv.detach()


Engine = Callable[[Task, nn.Module, Images, Labels], Images]
ENGINES: dict[str, Engine] = {"ours": ours, "reference": reference}
ATTACKS: dict[str, dict[str, tuple[type, str]]] = {
    "ours": {
        "apgd-ce": (APGD, "__call__"),
        "apgd-t": (TargetedAPGD, "__call__"),
        "fab-t": (TargetedFAB, "__call__"),
        "square": (Square, "__call__"),
    },
    "reference": {
        "apgd-ce": (APGDAttack, "perturb"),
        "apgd-t": (APGDAttack_targeted, "perturb"),
        "fab-t": (FABAttack_PT, "perturb"),
        "square": (SquareAttack, "perturb"),
    },
}
"""The methods that are the single attacks."""


@contextmanager
def watched(attacks: Mapping[str, tuple[type, str]], device: torch.device) -> Iterator[dict[str, float]]:
    """Within, the seconds of each attack are counted; afterwards they are there, and those of all."""
    seconds = dict.fromkeys((*attacks, "all"), 0.0)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            clock = Clock(device)
            with clock.running():
                result = function(*args, **kwargs)
            seconds[name] += clock.seconds
            return result

        return run

    clock = Clock(device)
    with ExitStack() as stack:
        for name, (owner, method) in attacks.items():
            stack.enter_context(patch.object(owner, method, timed(name, getattr(owner, method))))
        with clock.running():
            yield seconds
    seconds["all"] = clock.seconds


def take_turn(task: Task, engine: str, part: int) -> dict[str, Any]:
    """Seconds, and the verdicts: a digit for each image, 1 where it stands."""
    torch.set_num_threads(1)
    if engine == "ours":
        keep_freed_memory()
    model, (x, y) = task.network(), task.images_of(part)
    with exact_float32():
        with watched(ATTACKS[engine], x.device) as seconds:
            x_adv = ENGINES[engine](task, model, x, y)
        stands = classify(model, x_adv).argmax(1) == y
    return {"seconds": seconds, "stands": "".join(str(int(one)) for one in stands)}


def compare(task: Task, path: Path | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Takes the turns that the file at ``path`` does not hold yet; gives what it then holds."""
    turns = _turns_so_far(task, path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for repeat, part in product(range(task.repeats), range(task.parts)):
            for engine in sorted(ENGINES, reverse=(repeat + part) % 2 == 1):  # neither is always the first
                name = f"{repeat}/{part}/{engine}"
                if name not in turns:
                    turns[name] = pool.submit(take_turn, task, engine, part).result()
                    say(f"{name} of {task.repeats}/{task.parts}: {turns[name]['seconds']['all']:.1f} s")
                    if path:
                        write_json(path, _result(task, turns))
    return _result(task, turns)


def _turns_so_far(task: Task, path: Path | None) -> dict[str, Any]:
    found = json.loads(path.read_text()) if path and path.exists() else {}
    turns: dict[str, Any] = found["turns"] if found.get("task") == asdict(task) else {}
    return turns


def _result(task: Task, turns: Mapping[str, Any]) -> dict[str, Any]:
    program = environment() | {
        "threads": 1,
        "command": shlex.join(["python", "-m", "benchmarks.autoattack", *sys.argv[1:]]),
    }
    return {
        "task": asdict(task),
        "budget": repr(BUDGETS[task.norm]),
        "parameters": count_parameters(task.network()),
        "clock": f"{CLOCKS[task.device]}; median over the repeats",
        **summary(task, turns),
        "turns": dict(turns),
        "environment": program,
    }


def summary(task: Task, turns: Mapping[str, Any]) -> dict[str, Any]:
    """Of the repeats that both engines finished: seconds, how many times ours the reference's are, verdicts."""
    names = {(r, e): [f"{r}/{part}/{e}" for part in range(task.parts)] for r in range(task.repeats) for e in ENGINES}
    done = [r for r in range(task.repeats) if all(name in turns for e in ENGINES for name in names[r, e])]
    if not done:
        return {"repeats": 0}
    attacks = (*ATTACKS["ours"], "all")
    taken = {
        engine: {a: [sum(turns[name]["seconds"][a] for name in names[r, engine]) for r in done] for a in attacks}
        for engine in ENGINES
    }
    pairs = {attack: zip(taken["ours"][attack], taken["reference"][attack], strict=True) for attack in attacks}
    times = {attack: [theirs / own for own, theirs in pair if own] for attack, pair in pairs.items()}
    verdicts = {engine: "".join(turns[name]["stands"] for name in names[done[0], engine]) for engine in ENGINES}
    return {
        "repeats": len(done),
        "seconds": {e: {attack: round(median(values), 3) for attack, values in taken[e].items()} for e in ENGINES},
        "times": {attack: round(median(values), 3) for attack, values in times.items() if values},
        "times_from_to": [round(min(times["all"]), 3), round(max(times["all"]), 3)],
        "stand": {engine: digits.count("1") for engine, digits in verdicts.items()},
        "verdicts_that_differ": [i for i, (a, b) in enumerate(zip(*verdicts.values(), strict=True)) if a != b],
    }


def table(result: Mapping[str, Any]) -> str:
    """The numbers of a result, an attack a line."""
    lines = [f"{'':8} {'ours':>9} {'reference':>10} {'times':>6}"]
    for attack, times in result["times"].items():
        row = [result["seconds"][engine][attack] for engine in ENGINES]
        lines.append(f"{attack:8} {row[0]:8.1f}s {row[1]:9.1f}s {times:6.2f}")
    stand, other = result["stand"], result["verdicts_that_differ"]
    lines.append(f"stand: {stand['ours']} and {stand['reference']} of {result['task']['images']}; differ: {len(other)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    standard = Task()
    parser.add_argument("--model", default=standard.model, help="a teacher's text (robustill list teachers)")
    parser.add_argument("--widen", type=int, default=1, help="every channel so many times: larger, the same function")
    parser.add_argument(
        "--data", default=standard.data, help="a dataset's text; a stratified sample of its test images"
    )
    parser.add_argument("--images", type=int, default=standard.images)
    parser.add_argument("--part", type=int, default=standard.part, help="images that are evaluated by themselves")
    parser.add_argument("--batch", type=int, default=standard.batch, help="images that are attacked at a time")
    parser.add_argument("--norm", choices=BUDGETS, default=standard.norm)
    parser.add_argument("--repeats", type=int, default=standard.repeats)
    parser.add_argument("--steps", type=int, default=standard.steps, help="of APGD and FAB, each target")
    parser.add_argument("--queries", type=int, default=standard.queries, help="of Square")
    parser.add_argument("--device", default=standard.device, choices=["cpu", "cuda"])
    parser.add_argument("--name", help="of the file in benchmarks/results/autoattack; without it none is written")
    parser.add_argument("--quick", action="store_true", help="8 images, once, with 10 steps and 50 queries")
    given = vars(parser.parse_args())
    name, quick = given.pop("name"), given.pop("quick")
    task = Task(**given | QUICK) if quick else Task(**given)
    print(table(compare(task, RESULTS / f"{name}.json" if name else None)))


if __name__ == "__main__":
    main()
