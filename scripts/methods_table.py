"""Writes docs/methods.md from the methods themselves: ``python scripts/methods_table.py``. A test keeps it current."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from robustill.attacks import PGD, Linf
from robustill.component import find, write
from robustill.cost import Cost, cost
from robustill.expression import parse
from robustill.objectives import IGDM, Method
from robustill.published import published

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "methods.md"
ATTACK = PGD(budget=Linf(8 / 255), steps=10, step_size=2 / 255)
RATIO = 9.4  # a WRN-28-10 forward over a ResNet-18 forward

HEAD = """# The methods

Made by `python scripts/methods_table.py` from the files in `src/robustill/methods/`; do not edit.

Notation: S, T logits of student and teacher, x clean, x' adversarial, δ = x' - x. KL(P ‖ Q) = Σ P log(P / Q) of the
softmaxes, summed over classes; the loss is the mean over the batch. Every method takes `+ IGDM(alpha=...)`.

**Deviations** names the fields in which released code differs from this library's defaults; what it says, and by which
expression it is repeated, stands below the table. **Cost** is in student forwards an image and step, of the last epoch,
with 10 attack steps: a backward to the input counts 1, a full one 2, a teacher's pass 9.4 times as much (WRN-28-10 over
ResNet-18). In parentheses is the cost of the same step in published code, where there is any; `robustill cost` shows
what it is made of.

| method | source | loss | inner loss | start | BN mode of the attack | scale of the KL | deviations | cost | + IGDM |
|---|---|---|---|---|---|---|---|---|---|
"""

TERMS = ("", "IGDM(alpha=10)", "DirectGradient(alpha=10)", "IGDM(alpha=10) + DirectGradient(alpha=10)")
BASES = ("PGDAT()", "TRADES()", "ARD()", "RSLAD()", "AdaAD()", "AdaAD(inner=StudentCE())")

COSTS = """
## The cost of matching gradients

IGDM against `DirectGradient`, which matches the input gradients themselves by double backward; the units are those
of the table above. IGDM asks for S(x - δ) and for T at x ± δ; `DirectGradient` descends the gradient of S at x, which
costs as much as S(x - δ) where the method evaluates S(x) already and twice that where it does not, and asks for the
gradient of T at x. What double backward takes in memory and time beyond its passes is not counted.

| method | alone | + IGDM | + DirectGradient | + both |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Described:
    """What the docstring of a method's file says, by its form (see CONTRIBUTING.md)."""

    source: str
    loss: str
    deviations: str

    @classmethod
    def of(cls, method: type[Method]) -> Described:
        """Reads the docstring: the reference, the formula, and the paragraphs from "Deviations" on."""
        paragraphs = (sys.modules[method.__module__].__doc__ or "").strip().split("\n\n")
        formula = next((p for p in paragraphs if p.startswith("    outer:") and "inner:" in p), None)
        starts = [i for i, paragraph in enumerate(paragraphs) if paragraph.startswith("Deviations")]
        if formula is None or len(starts) != 1:
            raise ValueError(
                f"The docstring of {method.__module__} must have a formula, outer: and inner:, and one paragraph that "
                f"begins with Deviations. Found: {'a' if formula else 'no'} formula, {len(starts)} such paragraphs."
            )
        outer = formula.split("inner:")[0].removeprefix("    outer:")
        return cls(_source(paragraphs[0]), _one_line(outer), "\n\n".join(paragraphs[starts[0] :]))

    def fields_of(self, method: type[Method]) -> list[str]:
        """The fields that the deviations speak of."""
        named = re.findall(r"(?<!Switched\()\b(\w+)=", self.deviations)  # its begin is the method's, told again
        return [field.name for field in fields(method) if field.name in named]


def _source(paragraph: str) -> str:
    """``Zi et al., ICCV 2021, arXiv 2108.07969`` from authors, title and venue; a dash where there is no paper."""
    found = re.match(r"(?P<authors>[^:]+): .+?\. (?P<venue>(?:[A-Z]+ \d{4}|arXiv).*?)\.(?= |$)", _one_line(paragraph))
    if found is None:
        return "—"
    first, *others = found["authors"].split(", ")
    return f"{first}{' et al.' if len(others) > 1 else ''.join(f', {name}' for name in others)}, {found['venue']}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> str:
    """The page."""
    methods = find("robustill.methods", Method)
    costs = COSTS + "".join(map(_cost_row, BASES))
    return HEAD + "".join(map(_row, methods.values())) + costs + "\n" + "\n".join(map(_section, methods.values()))


def _row(cls: type[Method]) -> str:
    method, described = parse(f"{cls.__name__}()", Method), Described.of(cls)
    attacks = method.inner is not None
    cells = (
        f"[`{cls.__name__}`](#{cls.__name__.lower()})",
        described.source,
        f"`{described.loss}`",
        f"`{method.inner}`" if attacks else "—",
        f"`{method.start}`" if attacks else "—",
        method.attack_mode if attacks else "—",
        write(getattr(method, "scale", 1.0)),
        ", ".join(f"`{name}`" for name in described.fields_of(cls)) or "—",
        _units(method),
        _units(method + IGDM(alpha=1)) if attacks else "—",
    )
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _units(method: Method) -> str:
    """Ours, and in parentheses that of published code."""
    ours, theirs = cost(method, ATTACK), published(method)
    return _number(ours) + (f" ({_number(theirs.cost(ATTACK.steps))})" if theirs else "")


def _number(counted: Cost) -> str:
    return f"{counted.units(RATIO):.1f}"


def _cost_row(base: str) -> str:
    texts = (f"{base} + {term}" if term else base for term in TERMS)
    numbers = (_number(cost(parse(text, Method), ATTACK)) for text in texts)
    return f"| `{base}` | " + " | ".join(numbers) + " |\n"


def _section(cls: type[Method]) -> str:
    """The file's docstring: source, formula, deviations."""
    return f"## {cls.__name__}\n\n{(sys.modules[cls.__module__].__doc__ or '').strip()}\n"


if __name__ == "__main__":
    OUTPUT.write_text(main(), encoding="utf-8")
    print(f"Wrote {OUTPUT}")
