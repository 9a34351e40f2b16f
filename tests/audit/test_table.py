"""The page about the checks is made from the checks."""

from scripts.audit_table import OUTPUT, main


def test_the_table_of_checks_is_current() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == main(), "run: python scripts/audit_table.py"
