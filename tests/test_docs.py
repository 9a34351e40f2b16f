"""The pages that are made from the code are current, and the code says what they need."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from robustill.component import find
from robustill.cost import cost
from robustill.expression import parse
from robustill.objectives import Method
from scripts.methods_table import ATTACK, OUTPUT, Described, main

METHODS = find("robustill.methods", Method)


def test_the_table_of_methods_is_current() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == main(), "run: python scripts/methods_table.py"


@pytest.mark.parametrize("cls", METHODS.values(), ids=list(METHODS))
def test_the_docstring_of_a_method_says_source_formula_inner_loss_and_deviations(cls: type[Method]) -> None:
    text = sys.modules[cls.__module__].__doc__ or ""
    described = Described.of(cls)
    source = re.compile(r"[\w-]+(, [\w-]+| et al\.)?, ([A-Z]+ \d{4}(, arXiv \d{4}\.\d{5})?|arXiv \d{4}\.\d{5})")
    assert source.fullmatch(described.source) if "no paper" not in text else described.source == "—"
    assert re.search(r"(S\(x'?\)|T\(x'?\)).*y|KL\(", described.loss) and "inner" not in described.loss
    attacks = cls().inner is not None  # type: ignore[call-arg]  # every method has defaults
    assert re.search(r"inner:  (KL|CE)\(" if attacks else "inner:  none", text)
    assert described.deviations.startswith(("Deviations: ", "Deviations of ", "Deviations, as "))


def test_the_method_of_contributing_takes_a_step_and_keeps_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (OUTPUT.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (tmp_path / "my_ad.py").write_text(text.split("```python\n")[1].split("```")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    method = parse("my_ad:MyAD() + IGDM(alpha=10)", Method)
    assert cost(method, ATTACK).needs_teacher
    test_the_docstring_of_a_method_says_source_formula_inner_loss_and_deviations(type(method))


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("ARD", ["start", "attack_mode", "bn_parity", "temperature", "scale"]),
        ("AdaIAD", ["bn_parity", "weighted_teacher"]),
        ("Natural", []),
    ],
)
def test_the_fields_that_deviations_speak_of(name: str, named: list[str]) -> None:
    assert Described.of(METHODS[name]).fields_of(METHODS[name]) == named


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A: B. ICML 2019.\n\nDeviations: none.", "no formula, 1 such"),
        ("A: B. ICML 2019.\n\n    outer:  CE            inner:  none", "a formula, 0 such"),
    ],
)
def test_a_docstring_without_them_is_refused(text: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[METHODS["RSLAD"].__module__], "__doc__", text)
    with pytest.raises(ValueError, match=f"robustill.methods.rslad must have a formula, .* Found: {found}"):
        Described.of(METHODS["RSLAD"])
