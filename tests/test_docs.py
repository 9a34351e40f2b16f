"""The pages that are made from the code are current."""

from scripts.methods_table import OUTPUT, main


def test_the_table_of_methods_is_current() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == main(), "run: python scripts/methods_table.py"
