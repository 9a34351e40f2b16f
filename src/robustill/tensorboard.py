"""TensorBoard beside a run: its numbers after each epoch, and at the end what the student sees.

Training knows nothing of it: this reads the files that a run writes, as they appear, and writes ``tensorboard/`` into
the run's directory. Look at it with ``tensorboard --logdir runs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event, Thread
from time import time
from typing import Any

import numpy as np

from robustill.attacks import Attack
from robustill.data import load
from robustill.evaluation import gallery
from robustill.expression import parse
from robustill.measure import load_checkpoint, load_other
from robustill.prepare import choose_device
from robustill.results import RunDirectory
from robustill.validation import validation_attack

SECONDS = 2.0
"""How often the files are looked at."""


def is_installed() -> bool:
    """Whether there is the package, and not a mere folder of that name, as a watched run has one."""
    found = find_spec("tensorboard")
    return found is not None and found.origin is not None


def require_tensorboard() -> None:
    """Refuses before anything is trained.

    Raises:
        ValueError: the package is not installed.
    """
    if not is_installed():
        raise ValueError(
            "--tensorboard needs the package tensorboard. Found: none. Install it with pip install "
            "'robustill[tensorboard]', or leave the flag out."
        )


@contextmanager
def watching(run: RunDirectory) -> Iterator[None]:
    """While the block trains the run, its epochs are shown; when it ends well, pictures of its best epoch are too."""
    board, ended = Board(run), Event()

    def follow() -> None:
        while not ended.wait(SECONDS):
            board.catch_up()

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        board.catch_up()
    board.finish()


class Board:
    """The event file of one run. Epochs logged before the board was made, by an interrupted run, are replaced."""

    def __init__(self, run: RunDirectory) -> None:
        self._run, self._began, self._logged = run, time(), 0
        self._writer: Any = None

    def catch_up(self) -> None:
        """Writes the epochs that have been finished since the last call."""
        log = self._run.metrics_file
        # A directory that is to be overwritten still holds the rows of the run before
        if log.exists() and log.stat().st_mtime >= self._began:
            self._write_rows()

    def _write_rows(self) -> None:
        for row in self._run.metrics()[self._logged :]:
            for name, value in row.items():
                if isinstance(value, int | float) and not isinstance(value, bool) and name != "epoch":
                    self._open().add_scalar(name, value, row["epoch"])
            self._logged += 1
        self._open().flush()

    def finish(self) -> None:
        """All epochs, and the gallery and the gradient maps of the best one, made as an evaluation makes them."""
        self._write_rows()
        settings = self._run.settings()
        device = choose_device(settings["device"])
        size, channels, stream = (settings[key] for key in ("image_size", "channels", "stream"))
        dataset = load(settings["data"], image_size=size, channels=channels, stream=stream, device=device)
        teacher = settings["teacher"] and load_other("Teacher", settings["teacher"], dataset, device)
        model = load_checkpoint(self._run.checkpoint("best"), dataset, device)
        attack = validation_attack(parse(settings["attack"], Attack))
        arrays = gallery(model, dataset.test, attack, teacher=teacher, seed=settings["seed"])
        for name, image in pictures(arrays, dataset.classes).items():
            self._open().add_image(name, image, settings["epochs"], dataformats="HWC")
        self._open().close()

    def _open(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._run.path / "tensorboard"), purge_step=0)
        return self._writer


def pictures(arrays: dict[str, np.ndarray], classes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The strips of the report as pictures, ``[height, width, 3]``, by their tag."""
    from robustill.report.figures import Attacked, attack_strip, gradient_strip, pixels

    found = {}
    largest = float(np.abs(arrays["x_adv"] - arrays["x"]).max()) or 1 / 255
    for at, label in enumerate(arrays["y"]):
        seen = {
            who: (classes[arrays[f"{key}clean_prediction"][at]], classes[arrays[f"{key}adversarial_prediction"][at]])
            for who, key in (("student", ""), ("teacher", "teacher_"))
            if f"{key}clean_prediction" in arrays
        }
        attacked = Attacked(classes[label], arrays["x"][at], arrays["x_adv"][at], seen)
        found[f"gallery/{classes[label]}"] = pixels(attack_strip(attacked, largest))
        maps = {"teacher": arrays["teacher_gradient"][at]} if "teacher_gradient" in arrays else {}
        cosines = {"student": float(arrays["gc"][at])} if "gc" in arrays else {}
        strip = gradient_strip(arrays["x"][at], maps | {"student": arrays["gradient"][at]}, cosines)
        found[f"gradients/{classes[label]}"] = pixels(strip)
    return found
