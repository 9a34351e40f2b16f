"""AutoAttack of a few steps, for tests of what surrounds it."""

from __future__ import annotations

from dataclasses import fields, replace

from robustill.attacks import Adversary, AutoAttack


class Brief(AutoAttack):
    """The same stages under the same names, of a few steps and queries each."""

    steps: int = 3
    queries: int = 10

    def attacks(self, classes: int) -> dict[str, Adversary]:
        return {name: self._shortened(attack) for name, attack in super().attacks(classes).items()}

    def _shortened(self, attack: Adversary) -> Adversary:
        few, known = {"steps": self.steps, "queries": self.queries}, {field.name for field in fields(attack)}
        return replace(attack, **{name: value for name, value in few.items() if name in known})
