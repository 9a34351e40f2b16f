"""Bad input through the real command: exit status 2, one sentence that says what to do, no file touched."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustill.results import RunDirectory
from robustill.training.checkpoint import states
from tests.cli.world import DATA, Refused, everything, folder, in_a_copy, refused, world
from tests.small import environment, flags, process

__all__ = ["in_a_copy", "refused", "world"]  # fixtures


# Settings


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--method", "RSLADD()", "method: No component is called 'RSLADD'. Did you mean RSLAD"),
        ("--method", "Linf(8/255)", "method: Required: a Method. Found: 'Linf.8/255.'"),
        ("--method", "PGDAT() + IGDM(alpha=-1)", "method: IGDM requires a finite alpha of at least 0. Found: -1."),
        ("--method", "PGDAT(", "method: Cannot read 'PGDAT.' as an expression"),
        ("--method", "__import__('os').system('touch owned')", "method: "),
        ("--method", "RSLAD()", r"needs a teacher. Found: none. Give --teacher demo, run:DIRECTORY or file:PATH"),
        ("--attack", "PGD(budget=Linf(8), step_size=2/255)", r"Linf .* Found: 8. Did you mean Linf\(8/255\)\?"),
        (
            "--attack",
            "PGD(budget=Linf(8/255), step_size=2)",
            "step_size of at most .* Found: 2. .* two levels of 255 are 2/255",
        ),
        ("--attack", "PGD(step_size=2/255)", "attack: PGD requires budget"),
        ("--attack", "PGD(budget=L2(128), step_size=2)", r"Found: L2\(128\), .* Did you mean L2\(128/255\)\?"),
        ("--student", "SmallCNNN()", "student: No component is called 'SmallCNNN'. Did you mean SmallCNN"),
        ("--student", "resnet17", "student: No model is called 'resnet17'; did you mean 'resnet18'?"),
        ("--student", "SmallCNN(width=0)", "student: .*width"),
        ("--teacher", "demmo", "A teacher is one of demo, .*Found: 'demmo'."),
        ("--teacher", "run:nowhere", "nowhere has no finished epoch"),
        ("--teacher", "file:nowhere", "nowhere"),
        (
            "--teacher",
            "demo",
            "Teacher and data must have the same classes. Found: 10 classes in demo, 4 in npz:d.npz.",
        ),
        ("--device", "tpu", "device must be auto, cpu or, where PyTorch finds one, cuda. Found: tpu."),
        ("--validation", "200", "validation must be smaller than the training set. Found: 200 of 200 images."),
        ("--validation", "1000", "Found: 1000 of 200 images."),
        ("--validation", "-1", "validation must be at least 0. Found: -1."),
        ("--epochs", "0", "epochs must be at least 1. Found: 0."),
        ("--epochs", "three", "epochs must be a whole number. Found: three."),
        ("--threads", "0", "threads must be at least 1. Found: 0."),
        ("--channels", "2", "`channels` must be 1 .grey. or 3 .RGB.; found 2."),
        ("--image_size", "0", "`image_size` must be a number of pixels, 1 to 8192; found 0."),
        ("--normalize", "maybe", "normalize must be true or false. Found: maybe."),
        ("--precision", "float16", "precision must be one of auto, float32, bfloat16."),
        ("--optimizer", "SGD(lr=-1)", "optimizer: SGD requires lr > 0"),
        ("--schedule", "Cosine(warmup=-1)", "schedule: Cosine requires a warmup of at least 0 epochs"),
        ("--average", "EMA(decay=1)", r"average: EMA requires a decay in \(0, 1\)"),
        ("--augmentation", "CropFlip(padding=9)", "`padding` must be smaller than the images"),
        ("--data", "npz:nowhere.npz", "There is no file nowhere.npz"),
        ("--data", "folder:nowhere", "There is no folder nowhere"),
        ("--data", "flder:x", "A dataset must be one of .*Did you mean `folder:PATH`?"),
        ("--epoch", "3", "There is no setting 'epoch'. Did you mean 'epochs'?"),
        ("--eps", "8", "There is no setting 'eps'."),
    ],
)
def test_a_setting_that_makes_no_sense(flag: str, value: str, message: str, refused: Refused) -> None:
    refused(["train", *flags(DATA), flag, value, "--output", "runs/new"], message)


def test_a_flag_without_its_value(refused: Refused) -> None:
    refused(["train", *flags(DATA), "--epochs"], "--epochs needs a value. Found: none.")


def test_one_word_too_many(refused: Refused) -> None:
    refused(["train", "demo", "demo"], "Nothing is known of 'demo'. See robustill train --help.")


def test_no_student(refused: Refused) -> None:
    refused(["train", "--data", DATA], "student must be given, for example --student 'ResNet")


def test_a_teacher_of_other_classes(refused: Refused) -> None:
    words = ["train", *flags("npz:three.npz", teacher="run:runs/done", method="RSLAD()"), "--output", "runs/new"]
    refused(words, "Found: 4 classes in run:runs/done, 3 in npz:three.npz. Choose a network")


# Data


def data_words(spec: str) -> list[str]:
    return ["train", *flags(spec, validation=0), "--output", "runs/new"]


def test_an_empty_folder(refused: Refused) -> None:
    Path("empty").mkdir()
    refused(data_words("folder:empty"), "empty must hold a folder of images for each class")


def test_an_empty_class_folder(refused: Refused) -> None:
    (folder(Path("photos")) / "dogs").mkdir()
    refused(data_words("folder:photos"), "photos/dogs must hold images, as every class folder; found none")


def test_a_broken_image_is_named(refused: Refused) -> None:
    broken = folder(Path("photos")) / "bees" / "3.png"
    broken.write_bytes(broken.read_bytes()[:40])
    refused(data_words("folder:photos"), "photos/bees/3.png cannot be read as an image")


def test_images_of_two_sizes(refused: Refused) -> None:
    Image.new("L", (9, 8)).save(folder(Path("photos")) / "bees" / "large.png")
    refused(data_words("folder:photos"), r"Images must have one size.*8x8.*bees/large.png with 9x8")


def test_one_class_only(refused: Refused) -> None:
    folder(Path("photos"), classes=1)
    refused(data_words("folder:photos"), "a classifier needs at least two classes; found `ants`")


def test_other_classes_in_the_test_images(refused: Refused) -> None:
    folder(Path("photos/train"), classes=3)
    folder(Path("photos/test"), classes=2)
    refused(data_words("folder:photos"), "only in train: cats")


def test_an_archive_that_is_none(refused: Refused) -> None:
    Path("broken.npz").write_bytes(Path("d.npz").read_bytes()[:500])
    refused(data_words("npz:broken.npz"), "broken.npz is not an .npz archive, or not a whole one")


# Directories


def test_a_directory_that_is_taken(refused: Refused) -> None:
    words = ["train", *flags(DATA), "--output", "runs/done"]
    refused(
        words,
        "runs/done must be new or empty. Found: files in it. Name another directory with --output, replace what is "
        "there with --overwrite, or continue the run with --resume runs/done.",
    )


def test_overwriting_what_is_no_run(refused: Refused) -> None:
    refused(
        ["train", *flags(DATA), "--output", "runs", "--overwrite"], "--overwrite replaces only what the same command"
    )


def test_overwriting_with_a_slip_loses_nothing(refused: Refused) -> None:
    words = ["train", *flags(DATA), "--output", "runs/done", "--overwrite"]
    refused([*words, "--teacher", "run:nowhere"], "nowhere has no finished epoch")
    refused([*words, "--augmentation", "CropFlip(padding=9)"], "padding")


def test_an_output_that_is_a_file(refused: Refused) -> None:
    refused(["train", *flags(DATA), "--output", "d.npz"], "d.npz must be new or empty. Found: a file.")


def test_an_output_below_a_file(refused: Refused) -> None:
    refused(["train", *flags(DATA), "--output", "d.npz/run"], "d.npz/run: Not a directory.")
    refused(
        ["report", "runs/done", "-o", "d.npz/page.html"], "d.npz/page.html must lie in a folder; .*d.npz is a file."
    )
    words = ["report", "runs/done", "-o", "page.html", "--export", "d.npz"]
    refused(words, "d.npz/figures/any.svg must lie in a folder; .*d.npz is a file.")
    assert not Path("page.html").exists()


def test_an_output_that_may_not_be_written(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    refused(["train", *flags(DATA), "--output", "locked/run"], "error: locked/run: Permission denied.$")


# Runs and checkpoints


@pytest.mark.parametrize("name", ["nowhere", "runs", "d.npz"])
def test_resuming_what_is_no_run(name: str, refused: Refused) -> None:
    refused(
        ["train", "--resume", name], f"--resume needs the directory of a run. Found: {name}, which holds no run.yaml"
    )


@pytest.mark.parametrize(
    "more", [["--epochs", "3"], ["--output", "elsewhere"], ["--overwrite"], ["--seed=1"]], ids=" ".join
)
def test_resuming_with_other_flags(more: list[str], refused: Refused) -> None:
    for resumed in (["--resume", "runs/done"], ["--resume=runs/done"]):
        refused(
            ["train", *resumed, *more], "--resume takes no other flag: a run continues with the settings in its run"
        )


def test_resuming_with_a_recipe(refused: Refused) -> None:
    refused(["train", "demo", "--resume", "runs/done"], "--resume takes no other flag")


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_resuming_from_a_damaged_state(share: float, refused: Refused) -> None:
    for state in states(RunDirectory(Path("runs/done")).checkpoints):
        content = state.read_bytes()
        state.write_bytes(content[: int(share * len(content))])
    refused(["train", "--resume", "runs/done"], "damaged. Put back a copy of one, or start the run again")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("student: SmallCNN()\nepoch: 3", "runs/done/run.yaml: There is no setting 'epoch'. Did you mean 'epochs'?"),
        ("student: SmallCNN()\nepochs: x", "runs/done/run.yaml: epochs must be a whole number. Found: 'x'."),
        ("[1, 2", "runs/done/run.yaml"),
        (
            "data: npz:d.npz\nstudent: SmallCNN(width=5)\nvalidation: 40",
            "continues with the network, optimizer and weight",
        ),
    ],
)
def test_resuming_with_damaged_settings(text: str, message: str, refused: Refused) -> None:
    Path("runs/done/run.yaml").write_text(text)
    refused(["train", "--resume", "runs/done"], message)


@pytest.mark.parametrize("share", [0, 0.05, 0.9])
def test_evaluating_truncated_weights(share: float, refused: Refused) -> None:
    for name in ("last", "best"):
        weights = RunDirectory(Path("runs/done")).checkpoint(name) / "model.safetensors"
        content = weights.read_bytes()
        weights.write_bytes(content[: int(share * len(content))])
    refused(["evaluate", "runs/done"], "model.safetensors is no safetensors file, or not all of it")


def test_evaluating_a_run_without_its_weights(refused: Refused) -> None:
    (RunDirectory(Path("runs/done")).checkpoint("last") / "model.safetensors").unlink()
    refused(["evaluate", "runs/done"], "There are no weights at runs/done/checkpoints/last/model.safetensors")


def test_evaluating_with_a_damaged_config(refused: Refused) -> None:
    (RunDirectory(Path("runs/done")).checkpoint("last") / "config.json").write_text("{")
    refused(["evaluate", "runs/done"], "last/config.json is not valid JSON")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "a run with a finished epoch, or a folder with .* Found: nowhere, which does not exist."),
        (["runs"], "Found: runs."),
        (["d.npz"], "Found: d.npz."),
        (["runs/done/checkpoints/last"], "is no run that names its data. Give --data demo, folder:PATH or npz:PATH."),
        (["runs/done", "--budget", "Linf(8)"], r"Found: 8. Did you mean Linf\(8/255\)\?"),
        (["runs/done", "--budget", "PGDAT()"], "Required: a Budget"),
        (["runs/done", "--budget", "L2(128)"], r"Found: L2\(128\), .* Did you mean L2\(128/255\)\?"),
        (["runs/done", "--attacks", "fgsmm"], "Found: 'fgsmm'"),
        (["runs/done", "--attacks", ""], "Found: ''"),
        (["runs/done", "--samples", "0"], "between 1 and all 40 images of the split; asked for 0."),
        (["runs/done", "--samples", "41"], "asked for 41."),
        (["runs/done", "--batch_size", "0"], "batch_size must be at least 1. Found: 0."),
        (["runs/done", "--threads", "0"], "threads must be at least 1. Found: 0."),
        (["runs/done", "--device", "tpu"], "device must be auto, cpu or"),
        (["runs/done", "--data", "npz:three.npz"], "Network and data must have the same classes. Found: 4 classes"),
        (["runs/done", "--teacher", "demo"], "Teacher and data must have the same classes. Found: 10 classes"),
        (["runs/done", "--atacks", "clean"], "There is no setting 'atacks'. Did you mean 'attacks'?"),
        ([], "Missing: target. Usage: robustill evaluate RUN|CHECKPOINT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_evaluation_that_makes_no_sense(words: list[str], message: str, refused: Refused) -> None:
    refused(["evaluate", *words], message)


def test_evaluating_with_damaged_settings(refused: Refused) -> None:
    Path("runs/done/run.yaml").write_text("[1, 2")
    refused(["evaluate", "runs/done"], "runs/done/run.yaml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "A report needs run directories, .*nowhere does not exist"),
        (["d.npz"], "d.npz is a file"),
        (["runs"], "runs is an ordinary directory"),
        (["runs/done", "nowhere"], "nowhere does not exist"),
        ([], "Missing: runs. Usage: robustill report RUN"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_report_of_what_is_no_run(words: list[str], message: str, refused: Refused) -> None:
    refused(["report", *words], message)


def test_a_report_of_a_damaged_evaluation(refused: Refused) -> None:
    Path("runs/done/evaluation/last.json").write_text('{"model": ')
    refused(["report", "runs/done"], "runs/done holds a file that robustill did not write or that is damaged")


# The other verbs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list"], "The list must be one of methods, attacks, models, data, .*Found: nothing."),
        (["list", "method"], "Found: method."),
        (["cost"], "Missing: method. Usage: robustill cost METHOD"),
        (["cost", "RSLADD()"], "No component is called 'RSLADD'. Did you mean RSLAD"),
        (["cost", "IGDM(alpha=10)"], "Required: a Method. Found: 'IGDM"),
        (["cost", "RSLAD()", "--attack", "PGD(budget=Linf(8), step_size=2)"], r"Did you mean Linf\(8/255\)\?"),
        (["cost", "RSLAD()", "--teacher_ratio", "x"], "teacher_ratio must be a number. Found: x."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_lists_and_costs_that_make_no_sense(words: list[str], message: str, refused: Refused) -> None:
    refused(words, message)


# The same from outside


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*flags(DATA), "--method", "RSLADD()"], "method: No component is called 'RSLADD'. Did you mean RSLAD"),
        ([*flags(DATA), "--output", "runs/done"], "runs/done must be new or empty"),
        ([*flags("folder:photos", validation=0)], "photos/bees/3.png cannot be read as an image"),
    ],
    ids=["method", "directory", "image"],
)
def test_from_another_process(words: list[str], message: str) -> None:
    (folder(Path("photos")) / "bees" / "3.png").write_bytes(b"\x89PNG")
    before = everything()
    done = subprocess.run(process("train", *words), capture_output=True, text=True, env=environment())
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("robustill train: error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr and everything() == before


# evaluate, in full


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--attacks", "pgd20@L3(1)"], "No component is called 'L3'"),
        (["--attacks", "PGD(budget=Linf(8/255)"], "Cannot read 'PGD.budget=Linf.8/255.' as an expression"),
        (["--attacks", "clean,PGD(budget=Linf(8/255), step_size=2)"], "step_size of at most .* Found: 2"),
        (["--attacks", "nowhere:attack"], "Cannot import 'nowhere' for nowhere:attack"),
        (["--attacks", "vmi"], "vmi is found on another network. Found: none. Name it, with --surrogate"),
        (["--attacks", "vmi", "--surrogate", "run:nowhere"], "nowhere has no finished epoch"),
        (["--attacks", "vmi", "--surrogate", "demo"], "Surrogate and data must have the same classes"),
        (["--surrogate", "run:runs/done"], "A surrogate is for vmi. Found: clean, pgd20."),
        (["--engine", "reference"], "An engine is for autoattack. Found: clean, pgd20."),
        (["--attacks", "autoattack", "--engine", "theirs"], "requires an engine of ours, reference. Found: 'theirs'"),
        (["--eps", "8"], r"Found: 8. Did you mean Linf\(8/255\)\?"),
        (["--eps", "2/255,"], "eps needs radii with commas, such as 2/255,4/255,8/255. Found: ''."),
        (["--eps", "2/255,x"], "eps needs radii with commas, .* Found: 'x'."),
        (["--eps", "0"], "Linf requires a positive, finite radius. Found: 0"),
        (["--attacks", "clean", "--eps", "2/255"], r"eps needs an attack over Linf\(8/255\). Found: clean. Name one"),
        (["--attacks", "pgd20@L2(1)", "--eps", "2/255"], "eps needs an attack over"),
        (["--measures", "distances"], "measures must be of distance, remainder. Found: 'distances'."),
        (["--measures", "distance"], "distance needs a teacher. Found: none. Give --teacher"),
        (["--shard", "0/4"], "A shard is written i/n with i from 1 to n, such as 1/4. Found: 0/4."),
        (["--shard", "half"], "A shard is written i/n .* Found: 'half'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_measurement_that_makes_no_sense(words: list[str], message: str, refused: Refused) -> None:
    refused(["evaluate", "runs/done", *words], message)


def test_a_long_attack_on_a_model_at_chance(refused: Refused) -> None:
    with np.load("d.npz") as arrays:
        turned = dict(arrays) | {"y_test": np.roll(arrays["y_test"], 1)}
    np.savez("turned.npz", **turned)
    words = ["evaluate", "runs/done", "--data", "npz:turned.npz", "--attacks", "autoattack"]
    refused(words, r"Clean accuracy must be above chance, 25.0%, .* of 40 images. .* --force \(force=True\) attacks")
