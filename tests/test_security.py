"""What the library never does: unpickle, evaluate, unpack. Read off its source, so that no new reader slips in."""

from __future__ import annotations

import ast
import json
import os
import pickle
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import robustill
from robustill.data import load, load_extra
from robustill.evaluation import Ledger
from robustill.models import create_model, load_model, save_model
from robustill.results import RunDirectory
from robustill.teachers import load_teacher
from robustill.training.checkpoint import read_state, save_state, states

ROOT = Path(robustill.__file__).parent

FORBIDDEN = {
    "eval": "runs a text",
    "exec": "runs a text",
    "compile": "makes a text run",
    "os.system": "runs a command",
    "os.popen": "runs a command",
    "pickle.load": "unpickles",
    "pickle.loads": "unpickles",
    "pickle.Unpickler": "unpickles",
    "marshal.loads": "unpickles",
    "shelve.open": "unpickles",
    "yaml.unsafe_load": "builds any object",
    "yaml.full_load": "builds many objects",
    "shutil.unpack_archive": "writes where an archive says",
    "tarfile.open": "writes where an archive says",
}
"""Calls that run what a file holds, or write where it says."""

ALLOWED = {
    ("sweep/local.py", "pickle.load"),  # of the pipe to a process of our own
}
METHODS = {"extract", "extractall"}
"""Of an archive, whatever it is called."""


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """File, name and node of every call in the library."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), ast.unparse(node.func), node


def keyword(node: ast.Call, name: str) -> str | None:
    return next((ast.unparse(word.value) for word in node.keywords if word.arg == name), None)


def test_no_call_runs_what_a_file_holds() -> None:
    found = {(file, name) for file, name, _ in calls() if name in FORBIDDEN or name.split(".")[-1] in METHODS}
    assert found == ALLOWED


def test_numpy_torch_and_yaml_are_told_to_run_nothing() -> None:
    seen = set[str]()
    for file, name, node in calls():
        if name in ("np.load", "numpy.load"):
            assert keyword(node, "allow_pickle") == "False", file
        elif name == "torch.load":
            allowed = {"True"} | ({"safe"} if file == "teachers/containers.py" else set())  # there a variable allows it
            assert keyword(node, "weights_only") in allowed, file
        elif name == "yaml.load":
            assert file == "recipes/__init__.py" and ast.unparse(node.args[1]) == "_Loader"
        elif name.startswith("subprocess."):
            assert keyword(node, "shell") is None, file
        else:
            continue
        seen.add(name)
    assert {"np.load", "torch.load", "yaml.load"} <= seen


class Evil:
    """Pickled, it creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROBUSTILL_UNSAFE_PICKLE", raising=False)


OBJECTS = np.array([Evil(), Evil()], dtype=object)


def npz_of(*names: str) -> Callable[[], object]:
    return lambda: np.savez("evil.npz", **dict.fromkeys(names, OBJECTS))  # type: ignore[arg-type]


def npy() -> None:
    Path("evil").mkdir()
    for name in ("image", "label"):
        np.save(f"evil/{name}.npy", OBJECTS, allow_pickle=True)


def weights(where: str = "w.pt") -> None:
    torch.save({"state_dict": Evil()}, where)


def safetensors() -> None:
    save_model("net", create_model("SmallCNN(width=2)", 2))
    Path("net/model.safetensors").write_bytes(pickle.dumps(Evil()))


def state() -> None:
    file = save_state(Path("states"), {"fit": None}, 1)
    content = pickle.dumps(Evil())
    file.unlink()
    Path(f"states/state-0001-{sha256(content).hexdigest()[:16]}.pt").write_bytes(content)
    assert states(Path("states"))


def arrays() -> None:
    Path("run/evaluation").mkdir(parents=True)
    np.savez("run/evaluation/last.npz", correct_clean=OBJECTS)


READERS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "npz": (npz_of("x_train", "y_train", "x_test", "y_test"), lambda: load("npz:evil.npz")),
    "extra npz": (npz_of("image", "label"), lambda: load_extra("npz:evil.npz", load("demo", stream=True))),
    "extra npy": (npy, lambda: load_extra("npy:evil", load("demo", stream=True))),
    "checkpoint": (weights, lambda: load_teacher("file:w.pt?architecture=SmallCNN()")),
    "safetensors": (safetensors, lambda: load_model("net")),
    "state": (state, lambda: read_state(Path("states"), ("fit",))),
    "evaluation": (arrays, lambda: RunDirectory(Path("run")).arrays("last")),
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_unpickles(name: str) -> None:
    make, read = READERS[name]
    make()
    with pytest.raises(ValueError, match=r"."):
        read()
    assert not Path("executed").exists()
    assert pickle.loads(pickle.dumps(Evil())) == 0 and Path("executed").exists()  # it would have


def test_a_part_of_an_evaluation_is_not_unpickled() -> None:
    np.savez("part.npz", x=OBJECTS, seconds=np.float64(1))
    assert Ledger(Path()).read(Path("part.npz")) is None
    assert not Path("executed").exists()


def test_a_digest_is_noted_and_believed_only_where_it_fits() -> None:
    save_model("net", create_model("SmallCNN(width=2)", 2))
    entries = json.loads(Path("net/config.json").read_text())
    assert len(entries.pop("digest")) == 16
    Path("net/config.json").write_text(json.dumps(entries))
    assert load_model("net").config.num_classes == 2  # as older versions wrote it
    Path("net/config.json").write_text(json.dumps({**entries, "digest": "0" * 16}))
    with pytest.raises(ValueError, match=r"config.json is damaged: .* remove its entry 'digest'"):
        load_model("net")
