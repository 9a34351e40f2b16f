"""Published teachers by the names of RobustBench, from its local folders; downloaded where they are missing.

RobustBench itself is not needed. Its files lie at ``FOLDER/DATASET/Linf/NAME.pt``; the folder is ``models`` in the
working directory, as there, or the one that the environment variable ``ROBUSTILL_MODELS`` names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from robustill.files import at_home
from robustill.models import Classifier
from robustill.teachers.containers import require_weights_file
from robustill.teachers.downloads import download, require_published
from robustill.teachers.foreign import load_foreign
from robustill.teachers.presets import Preset, find_preset

FOLDER = "ROBUSTILL_MODELS"


def load_robustbench(name: str) -> Classifier:
    """The network of a preset, ``NAME`` or ``DATASET/NAME``.

    Raises:
        FileNotFoundError: the file is missing and cannot be downloaded; the message says how to get it.
        ValueError: there is no such preset, or the file is not what the preset says.
    """
    preset = find_preset(name)
    return load_preset(preset, obtain(preset))


def load_preset(preset: Preset, file: Path) -> Classifier:
    """The network of a preset from a file at any place, which need not be the published one byte by byte.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see :func:`~robustill.teachers.foreign.load_foreign`.
    """
    return load_foreign(file, preset.architecture, constants=preset.constants, num_classes=preset.num_classes)


def models_folder() -> Path:
    """Where the files of RobustBench are kept."""
    return at_home(os.environ.get(FOLDER) or "models")


def obtain(preset: Preset) -> Path:
    """The published file of a preset, downloaded if it is not there.

    Raises:
        FileNotFoundError: it is missing and cannot be downloaded.
        ValueError: what is there is another file.
    """
    file = preset.file(models_folder())
    if file.is_file():
        require_weights_file(file)
        try:
            require_published(file, size=preset.size, sha256=preset.sha256, called=str(file))
        except ValueError as error:
            raise ValueError(f"{error} To use it nevertheless, write file:{file}?preset={preset.key}.") from None
        return file
    print(f"Downloading robustbench:{preset.key} to {file}", file=sys.stderr)  # it can take minutes
    try:
        download(preset.url, file, size=preset.size, sha256=preset.sha256)
    except ValueError as error:
        raise FileNotFoundError(
            f"The weights of robustbench:{preset.key} belong at {file}, and could not be downloaded "
            f"({str(error).rstrip('.')}). Get them in a browser from {preset.url}, or with RobustBench: "
            f"load_model({preset.name!r}, dataset={preset.dataset!r}, threat_model='Linf'). "
            f"{FOLDER} names another folder than models."
        ) from None
    return file
