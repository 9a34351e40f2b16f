"""Writes docs/methods.md from the methods themselves: ``python scripts/methods_table.py``. A test keeps it current."""

from __future__ import annotations

import sys
from pathlib import Path

from robustill.attacks import PGD, Linf
from robustill.component import find, write
from robustill.cost import cost
from robustill.expression import parse
from robustill.objectives import IGDM, Method

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "methods.md"
ATTACK = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
RATIO = 9.4  # a WRN-28-10 forward over a ResNet-18 forward

HEAD = """# The methods

Made by `python scripts/methods_table.py` from the files in `src/robustill/methods/`; do not edit.

Notation: S, T logits of student and teacher, x clean, x' adversarial, δ = x' - x. KL(P ‖ Q) = Σ P log(P / Q) of the
softmaxes, summed over classes; the loss is the mean over the batch. Every method takes `+ IGDM(alpha=...)`. Costs are
student forwards an image and step with 10 attack steps: a backward to the input counts 1, a full one 2, a teacher's
pass 9.4 (WRN-28-10 against ResNet-18).

| method | inner loss | start | BN mode of the attack | scale of the KL | cost | + IGDM |
|---|---|---|---|---|---|---|
"""


def main() -> str:
    """The page."""
    methods = find("robustill.methods", Method)
    return HEAD + "".join(map(_row, methods.values())) + "\n" + "\n".join(map(_section, methods.values()))


def _row(cls: type[Method]) -> str:
    method = parse(f"{cls.__name__}()", Method)
    scale = write(getattr(method, "scale", 1.0))
    alone = f"{cost(method, ATTACK).units(RATIO):.1f}"
    with_igdm = f"{cost(method + IGDM(alpha=1), ATTACK).units(RATIO):.1f}" if method.inner is not None else "—"
    start = repr(method.start) if method.inner is not None else "—"
    mode = method.attack_mode if method.inner is not None else "—"
    cells = (
        f"[`{cls.__name__}`](#{cls.__name__.lower()})",
        f"`{method.inner}`",
        f"`{start}`",
        mode,
        scale,
        alone,
        with_igdm,
    )
    return "| " + " | ".join(cells) + " |\n"


def _section(cls: type[Method]) -> str:
    """The file's docstring: source, formula, deviations."""
    return f"## {cls.__name__}\n\n{(sys.modules[cls.__module__].__doc__ or '').strip()}\n"


if __name__ == "__main__":
    OUTPUT.write_text(main(), encoding="utf-8")
    print(f"Wrote {OUTPUT}")
