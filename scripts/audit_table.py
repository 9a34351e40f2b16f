"""Writes docs/audit.md from the checks themselves: ``python scripts/audit_table.py``. A test keeps it current."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from robustill.audit import FULL, QUICK, Check, checks
from robustill.audit.check import CONTRACT
from robustill.component import in_full

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "audit.md"

HEAD = f"""# The audit

Made by `python scripts/audit_table.py` from the files in `src/robustill/audit/`; do not edit.

    robustill audit runs/student          # a run's best epoch; status 1 where a check fails
    robustill audit runs/student --full   # 1,000 images, the standard AutoAttack on all of them
    robustill audit py:my_pkg.my_module:network --data folder:photos    # any network from images in [0, 1] to logits

```python
from robustill.audit import audit

result = audit(model, dataset.test, teacher=teacher)
result.verdict, result.ids("fail"), result["A3"].measured
```

A robust accuracy is a claim that an attack failed, and attacks fail for many reasons. Each check below measures one
number, of which more is worse. A number above "at most" warns, one that is certainly above what fails a check fails
it: of a share of n images the lower end of its 95 % interval has to be above. A check that lacks what it needs (a
teacher, a record) is skipped and says so. So is a check that presupposes one that failed: B, C, D27, E30 and E33
presuppose {", ".join(CONTRACT)}, because no attack says anything about a network that breaks the contract.
The table then shows the cause, and not all that follows from it. A check that ends with an error warns and tells it;
the others are made all the same.

The findings are printed, those that warn or fail with what that means, and written to `audit.json` in the run's
directory. Quick is `{in_full(QUICK)}`,
`--full` is `{in_full(FULL)}`.

An audit that passes does not prove that a network is robust. It found none of the known ways to be wrong about it.
"""

COLUMNS = "| | check | what is measured | threshold | a failure means |\n|---|---|---|---|---|\n"


def main() -> str:
    """The page."""
    return HEAD + "".join(_group(module, list(group)) for module, group in groupby(checks(), _module))


def _module(check: Check) -> str:
    return type(check).__module__


def _group(module: str, group: list[Check]) -> str:
    """One file: its docstring is the heading."""
    title, _, text = (sys.modules[module].__doc__ or "").partition(".")
    parts = (f"\n## {title}", *([text.strip()] if text else []), COLUMNS)
    return "\n\n".join(parts) + "".join(map(_row, group))


def _row(check: Check) -> str:
    measured = " ".join((type(check).__doc__ or "").split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
    return f"| {check.id} | {check.title} | {measured} | {check.threshold} | {check.meaning} |\n"


if __name__ == "__main__":
    OUTPUT.write_text(main(), encoding="utf-8")
    print(f"Wrote {OUTPUT}")
