"""How linear, and how robust, the shipped teacher is at two budgets: ``python benchmarks/linearity.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robustill.attacks import PGD, Budget, Linf
from robustill.data import generator, in_order, load
from robustill.environment import environment
from robustill.evaluation import correct_under, remainder_proportion
from robustill.files import write_json
from robustill.results import Accuracy, Mean
from robustill.teachers import load_teacher

OUTPUT = Path(__file__).parent / "results" / "larger_budget" / "linearity.json"


def measured(budget: Budget) -> dict[str, Any]:
    """Remainders on 256 training images, PGD-20 accuracy on a stratified sample of 1,000 test images."""
    teacher, dataset = load_teacher("demo"), load("demo")
    attack = PGD(budget=budget, steps=20, step_size=budget.radius / 4)
    x, y = next(in_order(dataset.train, 256))
    uniform = remainder_proportion(teacher, x, budget.uniform(x, generator(0, "uniform")))
    along = remainder_proportion(teacher, x, attack(teacher, x, y, generator=generator(0, "along")) - x)
    correct = correct_under(teacher, dataset.test.stratified(1000, 0), attack)
    accuracy = Accuracy(adversary=repr(attack), n=len(correct), correct=int(correct.sum()))
    remainders = {"uniform": Mean.of(uniform.double().numpy()), "along": Mean.of(along.double().numpy())}
    return {
        "budget": repr(budget),
        "remainder": {name: {"mean": mean.mean, "std": mean.std, "n": mean.n} for name, mean in remainders.items()},
        "pgd20": {"accuracy": accuracy.accuracy, "n": accuracy.n, "interval_95": list(accuracy.interval)},
    }


if __name__ == "__main__":
    rows = [measured(Linf(radius)) for radius in (8 / 255, 0.1)]
    write_json(OUTPUT, {"rows": rows, "environment": environment()})
    for row in rows:
        print(row)
