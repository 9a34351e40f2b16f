# The two commands that always work on a fresh machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-cuda lint types format clean

demo: .venv/installed
	$(BIN)/robustill demo --overwrite

test: lint types
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

# On a machine with a GPU: what the tests need one for. Collecting all the others takes longer.
test-cuda: .venv/installed
	$(BIN)/python -m pytest -q -m cuda $$(grep -rlE "tests.devices|mark.cuda" tests --include="test_*.py")

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
