"""A user's own photos, as they lie on a disk: loaded, checked, and distilled from end to end."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustill.data import load
from robustill.models import load_model
from robustill.results import RunDirectory
from tests.small import command

ORIENTATION = 0x0112
TURNED_LEFT = 6  # what a camera notes that was held upright: turn it to the right to see the picture


def photo(seed: int, width: int, height: int, *, bright: str) -> Image.Image:
    """Noise with a bright half: ``top`` or ``left``."""
    pixels = np.random.default_rng(seed).integers(0, 120, (height, width, 3), dtype=np.uint8)
    half = pixels[: height // 2] if bright == "top" else pixels[:, : width // 2]
    half += 120
    return Image.fromarray(pixels)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``photos/CLASS/IMAGE``: JPEG and PNG of many sizes, one grey, one transparent, one turned, one broken."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    for bright in ("left", "top"):
        (folder / bright).mkdir(parents=True)
        for i in range(12):
            ending = ("jpg", "png", "jpeg")[i % 3]
            photo(i + 50 * len(bright), 20 + 3 * i, 40 - i, bright=bright).save(folder / bright / f"{i:02}.{ending}")
    photo(1, 30, 30, bright="left").convert("L").save(folder / "left" / "grey.png")
    clear = photo(2, 30, 24, bright="left").convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 0))
    clear.save(folder / "left" / "clear.png")
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    photo(3, 40, 24, bright="left").save(folder / "top" / "turned.jpg", exif=exif, quality=95)
    (folder / "top" / "broken.jpg").write_bytes((folder / "top" / "00.jpg").read_bytes()[:300])
    return folder


def test_a_broken_file_is_named_with_the_remedy(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "folder:photos", "--image_size", "16", "--student", "SmallCNN(width=2)"]
    assert command("train", *words) == 2
    said = capsys.readouterr().err
    assert re.search(
        r"photos/top/broken\.jpg cannot be read as an image \(.*\); repair or remove it\. All such are", said
    )
    assert "robustill data check" in said and not Path("runs").exists()
    assert command("data", "check", "folder:photos") == 1
    said = capsys.readouterr().out
    assert "photos/top/broken.jpg cannot be read" in said and "training needs --image_size" in said
    assert "Some images are grey and some in colour" in said


def test_each_photo_is_what_a_viewer_shows(photos: Path) -> None:
    (photos / "top" / "broken.jpg").unlink()
    data = load("folder:photos", image_size=16)
    assert (data.channels, data.image_size, data.classes) == (3, (16, 16), ("left", "top"))
    images: dict[str, torch.Tensor] = {}
    for split in (data.train, data.test):
        images |= dict(zip(split.files or (), split.images.float(), strict=True))
    assert len(images) == 27
    assert (images["left/clear.png"] == 255).all()  # what is transparent shows white
    grey = images["left/grey.png"]
    assert (grey[0] == grey[2]).all() and grey[:, :, :8].mean() > grey[:, :, 8:].mean() + 80
    turned = images["top/turned.jpg"]  # stored with its left half bright
    assert turned[:, :8].mean() > turned[:, 8:].mean() + 80


def test_a_teacher_and_a_student_from_end_to_end(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "top" / "broken.jpg").unlink()
    shared = [
        "--data",
        "folder:photos",
        "--image_size",
        "16",
        "--epochs",
        "1",
        "--batch_size",
        "8",
        "--validation",
        "4",
    ]
    shared += ["--attack", "PGD(budget=Linf(8/255), steps=1, step_size=8/255)", "--precision", "float32"]
    assert command("train", *shared, "--student", "SmallCNN(width=4)", "--output", "runs/teacher") == 0
    words = ["--student", "MobileNetV2()", "--teacher", "run:runs/teacher", "--method", "RSLAD() + IGDM(alpha=10)"]
    assert command("train", *shared, *words, "--output", "runs/student") == 0
    assert command("evaluate", "runs/student", "--attacks", "clean,pgd2") == 0
    assert command("report", "runs/student", "runs/teacher", "-o", "report.html") == 0
    capsys.readouterr()
    student = load_model(RunDirectory(Path("runs/student")).checkpoint("last"))
    assert (student.config.num_classes, student.config.architecture) == (2, "MobileNetV2()")
    found = RunDirectory(Path("runs/student")).evaluations()["last"]
    assert {name: one.n for name, one in found.accuracies.items()} == {"clean": 6, "pgd2": 6}
    assert found.agreement.keys() >= {"gd", "gc"}
    page = Path("report.html").read_text(encoding="utf-8")
    assert "MobileNetV2" in page and "folder:photos" in page and "left" in page
