"""E: what a distilled network's number needs beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from robustill.audit import Record, Subject
from robustill.data.split import Split
from robustill.environment import environment
from robustill.results import Accuracy, Evaluation
from tests.audit.planting import easy, first, plant, verdict, with_record


def taught(student: int, teacher: int) -> Subject:
    """Of 200 images so many stand with each."""
    subject, other = easy(), easy()
    plant(subject, subject.pgd(), first(200 - student))
    plant(other, other.pgd(), first(200 - teacher))
    return replace_teacher(subject, other)


def replace_teacher(subject: Subject, teacher: Subject) -> Subject:
    known = dict(subject._attacked)
    subject = replace(subject, teacher=teacher)
    subject._attacked.update(known)
    return subject


@pytest.mark.parametrize(("student", "expected"), [(90, "pass"), (105, "pass"), (160, "warn")])
def test_a_student_above_its_teacher(student: int, expected: str) -> None:
    found, said = verdict("E30", taught(student, 100))
    assert found == expected and said.endswith("than with the teacher, which keeps 100")


def test_transfer_that_is_stronger_than_pgd() -> None:
    subject = taught(200, 100)
    assert subject.teacher is not None
    assert verdict("C23", subject)[0] == "pass"
    broken = subject.under(subject.pgd(subject.ball(8))).images
    plant(subject.teacher, subject.teacher.pgd(), first(100), images=broken)
    assert verdict("C23", subject)[0] == "fail"


def test_without_a_teacher() -> None:
    assert verdict("E30", easy()) == verdict("C23", easy()) == ("skipped", "no teacher was given")


@pytest.mark.parametrize(("last", "expected"), [(0.50, "pass"), (0.45, "warn")])
def test_the_best_epoch_and_the_last(last: float, expected: str) -> None:
    found, said = verdict("E31", with_record(easy(), Record(validation=(0.3, 0.5, 0.4, last))))
    assert found == expected and said == f"50.0% in epoch 2, {last:.1%} in epoch 4"
    assert verdict("E31", easy()) == ("skipped", "no robust accuracy on held-out images is on record")


@pytest.mark.parametrize(("shared", "expected"), [(0, "pass"), (1, "warn"), (20, "fail")])
def test_images_that_were_trained_on(shared: int, expected: str) -> None:
    subject = easy()
    pixels = torch.randint(0, 256, (50, 1, 6, 6), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    pixels[:shared] = subject.split.images[10 : 10 + shared]
    train = Split(pixels, torch.zeros(50, dtype=torch.int64))
    found, said = verdict("E32", with_record(subject, Record(train=train)))
    assert (found, said) == (expected, f"{shared} of 200 images are among 50 for training and validation")


def test_images_that_nobody_knows() -> None:
    assert verdict("E32", easy()) == ("skipped", "the training images are not known")
    streamed = with_record(easy(), Record(train=easy().split.streaming()))
    assert verdict("E32", streamed) == ("skipped", "the training images stream")


def test_the_worst_class() -> None:
    subject = replace(easy(), split=Split(easy().split.pixels, torch.arange(200) % 4))
    plant(subject, subject.pgd(), subject.y != 2)
    assert verdict("E33", subject) == ("warn", "class 2 keeps 0 of 50 (at most 7%), all keep 75.0%")
    plant(subject, subject.pgd(), first(20))
    assert verdict("E33", subject)[0] == "pass"


def evaluation(**changes: Any) -> Record:
    given: dict[str, Any] = {
        "model": "best",
        "parameters": 1,
        "data": "demo",
        "split": "test",
        "classes": (),
        "accuracies": {"clean": Accuracy(adversary="Clean()", n=2000, correct=1600)},
        "batch_size": 256,
        "seed": 0,
        "seconds": 1.0,
        "environment": environment(),
    }
    return Record(evaluation=Evaluation(**given | changes))


def test_a_complete_report() -> None:
    found, said = verdict("E34", with_record(easy(), evaluation()))
    assert found == "pass" and "clean 80.0% (78.2% to 81.7%, n = 2,000)" in said


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"environment": {}}, "python, torch, robustill, machine"),
        ({"accuracies": {}}, "accuracies"),
        ({"batch_size": 0}, "batch size"),
        ({"precision": "bf16"}, "float32"),
    ],
    ids=["environment", "accuracies", "batch_size", "precision"],
)
def test_a_report_that_lacks_something(changes: dict[str, Any], lacking: str) -> None:
    assert verdict("E34", with_record(easy(), evaluation(**changes))) == ("fail", f"lacks {lacking}")


def test_no_report() -> None:
    assert verdict("E34", easy()) == ("skipped", "no evaluation is on record: run robustill evaluate")
