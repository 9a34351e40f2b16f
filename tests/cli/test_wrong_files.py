"""Files that are not what they should be, through the commands that read them: which one, and what to do, in a line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from robustill.train import train
from tests.cli.world import DATA, Refused, folder, in_a_copy, refused, world
from tests.small import flags, small_run

__all__ = ["in_a_copy", "refused", "world"]  # fixtures

RUN = Path("runs/done")
CONFIG = RUN / "checkpoints/last/config.json"
WEIGHTS = RUN / "checkpoints/last/model.safetensors"
EVALUATION = RUN / "evaluation/last.json"
READABLE = "A recipe must be a readable YAML file. Found: "


class Evil:
    """Pickled, it creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def written(file: Path | str, content: bytes | str) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_bytes(content.encode() if isinstance(content, str) else content)


def changed(file: Path, **entries: Any) -> None:
    """As whoever edits a file, with the digest gone."""
    row = {**json.loads(file.read_text()), **entries}
    row.pop("digest", None)
    file.write_text(json.dumps(row))


# Recipes

RECIPES: list[tuple[str | bytes, str]] = [
    ("[1]", "must hold keys with values, such as `epochs: 30`. Found: a list in r.yaml."),
    ("5", "must hold keys with values, such as `epochs: 30`. Found: a whole number in r.yaml."),
    ("", "must hold keys with values, such as `epochs: 30`. Found: nothing in r.yaml."),
    (b"\xff\xfe", rf"{READABLE}r.yaml \(it is no text\)."),
    ("student: SmallCNN()".encode("utf-16"), rf"{READABLE}r.yaml \(it is no text\)."),
    ("student:\tSmallCNN()\n\tepochs: 3", r"r.yaml \(line 1: found character '\\t'"),
    ("student: SmallCNN()\n---\nepochs: 3", r"r.yaml \(line 2: but found another document\)."),
    ("student: SmallCNN()\nseed: 1\nstudent: ResNet()", r"r.yaml \(line 1: student is given more than once\)."),
    ("!!python/object/apply:os.system ['touch executed']", r"r.yaml \(line 1: could not determine a constructor"),
    ("student: !!python/name:os.system", r"r.yaml \(line 1: could not determine a constructor"),
    ("student: SmallCNN()\nepochs: " + "9" * 5000, rf"{READABLE}r.yaml \(Exceeds the limit"),
    ("student: SmallCNN()\ndata: 2026-99-99", rf"{READABLE}r.yaml \(month must be in 1..12\)."),
    ("student: " + "[" * 600, rf"{READABLE}r.yaml \("),
    ("student: &a [*a]", r"student must be a text or null. Found: \[\[...\]\]."),
    ("student: {a: 1}", "student must be a text or null. Found: {'a': 1}."),
    ("student: SmallCNN()\nepoch: 3", "r.yaml: There is no setting 'epoch'. Did you mean 'epochs'?"),
    ("student: SmallCNN()\n.nan: 3", "r.yaml: There is no setting 'nan'. Known: "),
    ("student: SmallCNN()\nepochs: yes", "epochs must be a whole number. Found: True."),
    ("student: SmallCNN()\nthreads: 2.0", "threads must be a whole number or null. Found: 2.0."),
    ("student: SmallCNN()\nclip: .inf", "clip must be a positive norm, or null for no limit. Found: inf."),
    ("student: SmallCNN()\noptimizer: 0.1", "optimizer must be a text or null. Found: 0.1."),
    ("student: SmallCNN()\nmethod: 'os:system(1)'", "method: os:system is no component: it must be a subclass of"),
]


@pytest.mark.parametrize(("text", "message"), RECIPES, ids=[str(i) for i in range(len(RECIPES))])
def test_a_recipe(text: str | bytes, message: str, refused: Refused) -> None:
    written("r.yaml", text)
    refused(["train", "r.yaml", "--output", "runs/new", "--data", DATA], message)
    assert not Path("executed").exists()


# Runs

SETTINGS: list[tuple[str, str]] = [
    ("data: 5", "runs/done/run.yaml: data must be a text. Found: 5."),
    ("data: npz:d.npz\nteacher: [x]", r"runs/done/run.yaml: teacher must be a text. Found: \['x'\]."),
    ("data: npz:d.npz\nimage_size: x", "runs/done/run.yaml: image_size must be a whole number. Found: 'x'."),
    ("data: npz:d.npz\nseed: yes", "runs/done/run.yaml: seed must be a whole number. Found: True."),
    ("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\ndata: [*d, *d]", "data must be a text. Found: .*"),
]


@pytest.mark.parametrize("verb", ["evaluate", "audit", "report"])
@pytest.mark.parametrize(("text", "message"), SETTINGS, ids=[str(i) for i in range(len(SETTINGS))])
def test_the_settings_of_a_run(text: str, message: str, verb: str, refused: Refused) -> None:
    written(RUN / "run.yaml", text)
    refused([verb, str(RUN)], message)


CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"num_classes": 5}, r"model.safetensors holds linear.weight 4x4 instead of 5x4.*are the width, the classes"),
    ({"num_classes": 10**12}, r"config.json: A network must have at most 1e\+10 parameters. .* Give a smaller width."),
    ({"architecture": "ResNet(width=10**6)"}, r"at most 1e\+10 parameters. Found: .* Give a smaller width."),
    (
        {"architecture": "no_such_module:Net()"},
        "no_such_module:Net is somebody's own, .* imports nothing|Cannot import",
    ),
    ({"architecture": "os:system('touch executed')"}, "os:system is no component: it must be a subclass"),
    ({"architecture": 5}, "The config's architecture should be of type str; found 5."),
    ({"mean": ["x"], "std": [1]}, r"The config's mean should be a list of numbers or null; found \['x'\]."),
    ({"classes": 5}, "the config's classes should be a list of names; found 5."),
    ({"classes": list("abcd")}, "must name the same classes in the same order. Found: a, b, c, d"),
]


@pytest.mark.parametrize(("entries", "message"), CONFIGS, ids=[str(i) for i in range(len(CONFIGS))])
def test_the_config_of_a_network(entries: dict[str, Any], message: str, refused: Refused) -> None:
    changed(CONFIG, **entries)
    refused(["evaluate", str(RUN)], message)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"\xff\xfe", b'{"num_classes": ' + b"9" * 5000 + b"}"], ids=["deep", "bytes", "digits"]
)
def test_a_config_that_cannot_be_read(content: bytes, refused: Refused) -> None:
    written(CONFIG, content)
    refused(["evaluate", str(RUN)], "last/config.json is not valid JSON: .* Put back a copy")


def test_weights_that_are_not_finite(refused: Refused) -> None:
    state = load_file(WEIGHTS)
    state["conv1.weight"][0] = torch.nan
    save_file(state, WEIGHTS)
    refused(["evaluate", str(RUN)], "The model must give finite logits. Found NaN or infinity")


def test_weights_of_another_run(refused: Refused) -> None:
    train(small_run("npz:three.npz", epochs=1, validation=0), Path("runs/other"))
    shutil.copy("runs/other/checkpoints/last/model.safetensors", WEIGHTS)
    refused(["evaluate", str(RUN)], "linear.weight 3x4 instead of 4x4.*are the width, the classes and the channels")


def test_folders_where_files_should_be(refused: Refused) -> None:
    for file, message in (
        (WEIGHTS, "There are no weights at .*; a saved model is a folder with model.safetensors and config.json."),
        (RUN / "run.yaml", rf"{READABLE}runs/done/run.yaml \(Is a directory\)."),
    ):
        file.unlink()
        file.mkdir()
        refused(["evaluate", str(RUN)], message)


def test_an_evaluation_that_cannot_be_written(refused: Refused) -> None:
    shutil.rmtree(RUN / "evaluation")
    written(RUN / "evaluation", "")
    refused(["evaluate", str(RUN)], "runs/done/evaluation/last.parts: Not a directory.")


EVALUATIONS: list[tuple[dict[str, Any], str]] = [
    ({"accuracies": {"clean": {"adversary": "x", "n": 0, "correct": 0}}}, "at least one. Found: 0 of 0."),
    ({"accuracies": {"clean": {"adversary": "x", "n": 10, "correct": 20}}}, "An accuracy counts .* Found: 20 of 10."),
    ({"accuracies": {"clean": {"adversary": "x", "n": 10, "correct": -1}}}, "An accuracy counts .* Found: -1 of 10."),
    ({"accuracies": [1]}, "evaluation/last.json is no evaluation .* let robustill evaluate write it again"),
    ({"unknown": 1}, "evaluation/last.json is no evaluation .*'unknown'"),
]


@pytest.mark.parametrize(("entries", "message"), EVALUATIONS, ids=[str(i) for i in range(len(EVALUATIONS))])
def test_an_evaluation_in_a_report(entries: dict[str, Any], message: str, refused: Refused) -> None:
    changed(EVALUATION, **entries)
    refused(["report", str(RUN)], message)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("evaluation/last.json", "[]", "last.json should hold a JSON object; found a list"),
        ("evaluation/last.json", "[" * 100_000, "last.json is not valid JSON: .* Put back a copy"),
        ("evaluation/last.npz", b"PK", "last.npz is damaged or no archive of arrays .* evaluate write it again"),
        ("metrics.jsonl", '{"epoch": "x"}\n{"epoch": 2}\n', "metrics.jsonl: line 1 is no row of an epoch. Resuming"),
        ("metrics.jsonl", b'\xff\n{"epoch": 2}\n', "metrics.jsonl: line 1 is no row of an epoch. Resuming"),
        ("protocol.json", "[1]", "holds a file that robustill did not write or that is damaged"),
        ("environment.json", "{", "environment.json is not valid JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[-6:] else "",
)
def test_another_file_of_a_run_in_a_report(file: str, content: str | bytes, message: str, refused: Refused) -> None:
    written(RUN / file, content)
    refused(["report", str(RUN)], message)


# Images


def arrays(**changes: Any) -> None:
    with np.load("d.npz") as whole:
        np.savez("bad.npz", **{**whole, **changes})


X, Y = np.zeros((200, 8, 8), np.uint8), np.arange(200) % 4
ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"x_train": X / 255}, r"x_train must be bytes of 0 to 255 \(uint8\); found float64. Convert the images"),
    ({"x_train": np.full(X.shape, np.nan)}, "x_train must be bytes of 0 to 255 .*; found float64. Convert the images"),
    ({"x_train": X.astype(np.int64) - 5}, "x_train must be bytes of 0 to 255 .*; found int64. Convert the images"),
    ({"x_train": X[:, None, None]}, r"x_train must have the axes NHW, NHWC or NCHW, .*found the shape \(200, 1, 1, 8"),
    ({"x_train": X[:0], "y_train": Y[:0]}, "needs at least two classes; found none"),
    ({"x_train": X[:, :0]}, "must have one shape; found 1x0x8"),
    (
        {"x_train": np.array([{}])},
        "x_train must be an array of numbers or of text; found Python objects, which are not",
    ),
    ({"y_train": Y - 1}, "y_train must use every label from 0 .* from -1 to 2. Give the classes names"),
    ({"y_train": Y * 1.0}, "y_train must be one whole number for each image; found float64"),
    ({"y_train": Y[:100]}, "every image needs one label; found 200 images in x_train and 100 labels"),
    ({"y_train": np.where(Y == 3, 10**12, Y)}, "must use every label from 0 .* from 0 to 1000000000000"),
    ({"y_test": np.full(40, 7)}, "the test labels must be 0 to 3, .*; found 7 to 7."),
    ({"y_train": Y * 0, "y_test": np.zeros(40, int)}, "needs at least two classes; found `0`"),
    ({"classes": np.array(["a", "\x1b[2J", "c", "d"])}, r"must be text that can be shown; found '\\x1b\[2J'. Rename"),
    ({"classes": np.array(["a", "a", "c", "d"])}, "names of classes must differ; found `a` more than once"),
    ({"classes": np.array(["a", "b"])}, "must be 0 to 1, one for each of 2 classes; found 0 to 3"),
]


@pytest.mark.parametrize(("changes", "message"), ARRAYS, ids=[str(i) for i in range(len(ARRAYS))])
def test_an_archive_of_images(changes: dict[str, Any], message: str, refused: Refused) -> None:
    arrays(**changes)
    refused(["data", "check", "npz:bad.npz"], message)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04" + b"0" * 50, pickle.dumps(Evil())], ids=["empty", "cut", "pickle"]
)
def test_no_archive_of_images(content: bytes, refused: Refused) -> None:
    written("bad.npz", content)
    refused(["data", "check", "npz:bad.npz"], "bad.npz is not an .npz archive, or not a whole one: write it with")
    assert not Path("executed").exists()


def test_a_class_folder_with_a_line_break(refused: Refused) -> None:
    folder(Path("photos")).joinpath("ants").rename("photos/an\nts")
    refused(["train", *flags("folder:photos", validation=0)], r"can be shown; found 'an\\nts'. Rename it.")


def test_a_file_whose_name_is_no_text(refused: Refused) -> None:
    written(folder(Path("photos")) / os.fsdecode(b"ants/x\xff.png"), b"<html>")
    refused(
        ["train", *flags("folder:photos", validation=0)], r"x\\udcff.png cannot be read as an image .*repair or rem"
    )


SETS: list[tuple[str, dict[str, bytes], str]] = [
    (
        "cifar10",
        {f"cifar-10-batches-py/data_batch_{i}": pickle.dumps(Evil()) for i in range(1, 6)},
        "asks for .*system",
    ),
    (
        "cifar10",
        {f"cifar-10-batches-py/data_batch_{i}": pickle.dumps({b"data": X[:1], b"labels": ["x"]}) for i in range(1, 6)},
        "data_batch_1 must hold 3072 bytes for each image .* Get the file again",
    ),
    ("mnist", {"mnist/train-images-idx3-ubyte": b"\0\0\x08\x03\0"}, "must have a header of 16 bytes; found 5. Get it"),
    ("mnist", {"mnist/train-images-idx3-ubyte": b"\x1f\x8b\x08\0x"}, "is not a whole gzip file .*; get it again"),
    ("svhn", {"svhn/train_32x32.mat": b"MATLAB"}, "must be a MATLAB file of version 5"),
]


@pytest.mark.parametrize(("name", "files", "message"), SETS, ids=[f"{i}-{case[0]}" for i, case in enumerate(SETS)])
def test_a_set_that_is_damaged(name: str, files: dict[str, bytes], message: str, refused: Refused) -> None:
    for file, content in files.items():
        written(f"sets/{file}", content)
    refused(["data", "check", f"{name}:sets"], message)
    assert not Path("executed").exists()


# Weights of others


def climbing() -> None:
    with zipfile.ZipFile("w.pt", "w") as climber:
        climber.writestr("../../climbed", "x")


def linked() -> None:
    with tarfile.open("w.pt", "w") as bundle:
        link = tarfile.TarInfo("passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bundle.addfile(link)


def cut() -> None:
    torch.save({"a": torch.zeros(1000)}, "w.pt")
    written("w.pt", Path("w.pt").read_bytes()[:2000])


CHECKPOINTS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: torch.save({"state_dict": Evil()}, "w.pt"),
        "w.pt needs posix.system to be read, .* ROBUSTILL_UNSAFE_PICK",
    ),
    (lambda: torch.save([1, 2], "w.pt"), "w.pt should hold a dictionary of weights. Found: a list."),
    (lambda: torch.save({"a": 1}, "w.pt"), "w.pt should hold weights, flat or below one of .* Found: a."),
    (lambda: torch.save({"x": torch.full((2,), torch.nan)}, "w.pt"), "numbers that are not finite, in x; its training"),
    (lambda: written("w.pt", b""), "w.pt is empty; the download failed. Remove it and get it again."),
    (lambda: written("w.pt", b"<html>"), "w.pt is a web page, not weights: .* get the file in a browser"),
    (lambda: written("w.pt", pickle.dumps(Evil())), "w.pt (is no checkpoint of PyTorch|needs posix.system)"),
    (climbing, "w.pt is an archive; unpack it, and name the file of weights in it."),
    (linked, "w.pt is an archive; unpack it, and name the file of weights in it."),
    (cut, "w.pt is only the beginning of a checkpoint: its end is missing. Remove it and get it again."),
]


@pytest.mark.parametrize(("make", "message"), CHECKPOINTS, ids=[str(i) for i in range(len(CHECKPOINTS))])
def test_a_checkpoint_of_others(make: Callable[[], object], message: str, refused: Refused) -> None:
    make()
    refused(["teacher", "check", "file:w.pt?architecture=SmallCNN(width=2)", "--data", DATA], message)
    assert not Path("executed").exists() and not list(Path().absolute().parents[1].glob("climbed"))
