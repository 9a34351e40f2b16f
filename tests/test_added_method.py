"""Adding a method is one new file: proved by dropping one into a copy of the package and using it everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import robustill

SOURCE = Path(robustill.__file__).parent

NEW_FILE = '''"""Nobody: The student follows the teacher at the adversarial image, more so where the teacher is sure.

    outer:  sharpness · KL(T(x') ‖ S(x'))            inner:  CE(S(x'), y), from Gaussian(0.001)
"""

from __future__ import annotations

from robustill.attacks.starts import Gaussian, Start
from robustill.objectives.base import InnerLoss, Method
from robustill.objectives.divergences import kl
from robustill.objectives.inner import StudentCE
from robustill.objectives.line import Line
from robustill.types import PerSample


class MyMethod(Method):
    """The teacher at x' as target of an ordinary attack."""

    sharpness: float = 1.0
    inner: InnerLoss = StudentCE()
    start: Start = Gaussian(0.001)

    def __post_init__(self) -> None:
        if not 0 < self.sharpness < float("inf"):
            raise ValueError(f"MyMethod requires a positive sharpness. Found: {self.sharpness}.")

    def outer(self, line: Line) -> PerSample:
        return self.sharpness * kl(line.teacher(1), line.student(1))
'''

PROGRAM = """
import torch
from robustill import IGDM, PGD, Linf, create_model
from robustill.cli import main
from robustill.expression import parse
from robustill.methods import MyMethod
from robustill.objectives import Method

assert main(["list", "methods"]) == 0
assert main(["cost", "MyMethod(sharpness=2) + IGDM(alpha=1)"]) == 0
assert main(["cost", "MyMethod(sharpness=0)"]) == 2

method = MyMethod(sharpness=2) + IGDM(alpha=1)
assert parse(repr(method), Method) == method
student, teacher = (create_model("SmallCNN(width=4)", 3, in_channels=1) for _ in range(2))
x, y = torch.rand(4, 1, 12, 12), torch.tensor([0, 1, 2, 0])
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
before = [p.detach().clone() for p in student.parameters()]
attack = PGD(budget=Linf(8 / 255), steps=2, step_size=4 / 255)
method.loss(student, teacher.eval(), x, y, attack=attack).backward()
optimizer.step()
assert any(not torch.equal(old, new) for old, new in zip(before, student.parameters()))
print("one step taken")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, copied, with the new file in it."""
    shutil.copytree(SOURCE, tmp_path / "robustill", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "robustill" / "methods" / "my_method.py").write_text(NEW_FILE, encoding="utf-8")
    return tmp_path


def test_one_file_of_less_than_40_lines_is_a_method_everywhere(copy: Path) -> None:
    assert len(NEW_FILE.splitlines()) < 40
    environment = os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, cwd=copy, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert "MyMethod" in result.stdout and "The teacher at x' as target of an ordinary attack." in result.stdout
    assert "MyMethod(sharpness=2) + IGDM(alpha=1) with PGD" in result.stdout
    assert "MyMethod requires a positive sharpness. Found: 0." in result.stderr
    assert result.stdout.splitlines()[-1] == "one step taken"


def test_nothing_else_was_touched(copy: Path) -> None:
    def files(root: Path) -> dict[str, bytes]:
        found = (p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    new = files(copy / "robustill")
    assert new.pop("methods/my_method.py").decode() == NEW_FILE
    assert new == files(SOURCE)
