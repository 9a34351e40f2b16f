"""Imports go one way, read off the source: what knows of what is in ``docs/architecture.md``."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import robustill

ROOT = Path(robustill.__file__).parent

MAY_KNOW = {
    "attacks": set[str](),
    "objectives": {"attacks"},
    "methods": {"attacks", "objectives"},
    "expression": set[str](),
    "models": set[str](),
    "data": set[str](),
    "training": {"attacks", "data", "objectives"},
    "recipes": set[str](),
    "results": {"recipes"},
    "evaluation": {"attacks", "data", "expression", "objectives", "results"},
    "audit": {"attacks", "data", "evaluation", "models", "results"},
    "teachers": {"attacks", "data", "evaluation", "models", "results"},
    "report": {"results"},
}
"""Which rooms a room may import, besides itself and :func:`leaves`. Rooms that are not named may import everything."""

EXCEPTIONS = {("models.create", "expression")}
"""Inside a function: a model may be given as an expression, and only then is the parser needed."""


@dataclass
class Module:
    """What one file imports: modules of the library without its name, others by their first part."""

    name: str
    at_import: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    relative: list[int] = field(default_factory=list)

    @property
    def room(self) -> str:
        return self.name.split(".")[0]


def names() -> dict[str, Path]:
    """Every module of the library; the package itself is called by the empty name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(node: ast.AST, *, running: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import below a node, and whether it happens when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, running
        inert = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        inert = inert or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        yield from imports(child, running=running and not inert)


def read(name: str, path: Path, known: dict[str, Path]) -> Module:
    module = Module(name)
    for node, running in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            module.relative.append(node.lineno)
            continue
        for target in targets(node):
            if target.split(".")[0] != "robustill":
                if running:
                    module.outside.add(target.split(".")[0])
                continue
            inside = target.removeprefix("robustill").removeprefix(".")
            while inside not in known:  # the last part names something inside a module
                inside = inside.rpartition(".")[0]
            (module.at_import if running else module.later).add(inside)
    return module


def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


KNOWN = names()
MODULES = {name: read(name, path, KNOWN) for name, path in KNOWN.items()}


def leaves() -> set[str]:
    """Files of the root that import nothing of the library but each other: types, component, precision, files."""
    found = {name for name in KNOWN if name and "." not in name and KNOWN[name].name != "__init__.py"} - set(MAY_KNOW)
    while True:
        kept = {n for n in found if MODULES[n].at_import | MODULES[n].later <= found | {""}}
        if kept == found:
            return found
        found = kept


def test_the_reader_sees_the_library() -> None:
    assert {"", "attacks", "attacks.pgd", "objectives.line", "cli.train", "run"} <= set(MODULES)
    assert set(MAY_KNOW) <= {module.room for module in MODULES.values()}
    assert "objectives.line" in MODULES["objectives.base"].at_import and "torch" in MODULES["objectives.base"].outside
    assert {"types", "component", "precision", "files"} <= leaves()
    assert not {"run", "train", "setting", "cost", "measure"} & leaves()


@pytest.mark.parametrize("room", list(MAY_KNOW))
def test_rooms_know_only_what_lies_below_them(room: str) -> None:
    allowed = MAY_KNOW[room] | leaves() | {room, ""}
    for module in (m for m in MODULES.values() if m.room == room):
        known = {(module.name, target.split(".")[0]) for target in module.at_import | module.later}
        wrong = {target for source, target in known if target not in allowed and (source, target) not in EXCEPTIONS}
        assert not wrong, f"{module.name} imports {wrong}"
        assert not {(module.name, target.split(".")[0]) for target in module.at_import} & EXCEPTIONS


def test_there_are_no_relative_imports() -> None:
    assert {module.name: module.relative for module in MODULES.values() if module.relative} == {}


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    done, path = set[str](), list[str]()

    def visit(name: str) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in sorted(MODULES[name].at_import):
                visit(target)
            path.pop()
            done.add(name)

    for name in MODULES:
        visit(name)


def reached(name: str) -> set[str]:
    """Every module that importing one imports, the packages around each included."""
    found, waiting = set[str](), {name}
    while waiting:
        here = waiting.pop()
        found.add(here)
        around = {".".join(here.split(".")[:i]) for i in range(here.count(".") + 1)}
        waiting |= (MODULES[here].at_import | around) - found
    return found


@pytest.mark.parametrize("name", [n for n, m in MODULES.items() if m.room in ("report", "results", "files")])
def test_what_reads_results_never_imports_torch(name: str) -> None:
    heavy = {"torch", "jaxtyping", "beartype", "timm", "torchvision"}
    assert not {here: MODULES[here].outside & heavy for here in reached(name) if MODULES[here].outside & heavy}


def test_neither_help_nor_the_report_imports_torch_when_it_runs() -> None:
    program = (
        "import sys, robustill.report, robustill.cli; robustill.cli.main(['--help']); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stderr == "" and result.stdout.splitlines()[-1] == "False"


def test_every_module_says_what_it_is() -> None:
    assert [name for name, path in KNOWN.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []
