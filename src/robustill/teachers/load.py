"""Loading a teacher by its text, and whether it fits the data."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from robustill.data import Dataset
from robustill.files import at_home
from robustill.models import load_model
from robustill.models.checkpoint import CONFIG, read_entries
from robustill.models.classifier import Classifier
from robustill.results import RunDirectory
from robustill.teachers.described import divided, load_described, require_described
from robustill.teachers.hub import fetch_model, load_hub
from robustill.teachers.imported import load_python, load_timm
from robustill.teachers.presets import PRESETS, Preset, find_preset
from robustill.teachers.robustbench import load_robustbench
from robustill.wording import brief

DEMO = Path(str(files("robustill.teachers"))) / "demo"
"""The shipped teacher: weights, config and the recipe that made it."""

WAYS = {
    "demo": "the robust teacher that is shipped with the library, for the embedded images",
    "run:DIRECTORY": "a network that robustill train made (its best epoch)",
    "file:PATH": "model.safetensors with its config.json, or the folder that holds the two",
    "file:PATH?architecture=NAME": "anybody's checkpoint of a network of ours; &mean=0.5,... &std=0.5,... normalise",
    "file:PATH?preset=DATASET/NAME": "a published checkpoint, wherever it lies and however it was saved",
    "robustbench:DATASET/NAME": "a published robust network, from the folder models, downloaded if it is not there",
    "hf:OWNER/NAME": "a network saved by robustill, from the Hugging Face hub; @REVISION may follow (extra: hub)",
    "hf:OWNER/NAME?architecture=NAME": "anybody's weights from there; &file=PATH and all that follows file:PATH? above",
    "timm:NAME": "a network of timm with its pretrained weights (extra: timm)",
    "py:pkg.mod:function": "the network that a function of your own returns",
}
"""How a teacher is written, and what it is."""


def list_teachers() -> dict[str, str]:
    """Every way to write a teacher, and every published one by its text, with one line about each."""
    return WAYS | {f"robustbench:{key}": preset.summary for key, preset in PRESETS.items()}


def load_teacher(text: str) -> Classifier:
    """The network that a text names (see ``robustill.teachers``), frozen, on the CPU.

    Raises:
        FileNotFoundError: there is no file behind the text.
        ValueError: the scheme is not known, or there is no readable network behind the text.
    """
    scheme, _, rest = text.partition(":")
    elsewhere: dict[str, Callable[[str], Classifier]] = {
        "robustbench": load_robustbench,
        "hf": load_hub,
        "timm": load_timm,
        "py": load_python,
    }
    if scheme in elsewhere and rest:
        teacher = elsewhere[scheme](rest)
    elif scheme == "file" and rest:
        teacher = _load_file(rest)
    else:
        teacher = load_model(network_path(text), imports=scheme == "run")  # a run is one's own, as a recipe is
    return teacher.eval().requires_grad_(False)


def network_path(text: str) -> Path:
    """The folder or file of our own format behind a text.

    Raises:
        ValueError: the text names none.
    """
    scheme, _, rest = text.partition(":")
    if text == "demo":
        return DEMO
    if scheme == "file" and rest:
        return at_home(rest)
    if scheme == "run" and rest:
        return _best(RunDirectory(at_home(rest)))
    raise ValueError(f"A teacher is one of {', '.join(way for way in WAYS if '?' not in way)}. Found: {text!r}.")


def _best(run: RunDirectory) -> Path:
    for name in ("best", "last"):
        if run.checkpoint(name).exists():
            return run.checkpoint(name)
    raise ValueError(f"{run.path} has no finished epoch: checkpoints/best and checkpoints/last are missing.")


def own_folder(text: str) -> Path | None:
    """The folder of our own format behind a text, fetched if it is on the hub; None where it is another format.

    Raises:
        FileNotFoundError, ValueError: see :func:`load_teacher`.
    """
    scheme, _, rest = text.partition(":")
    if divided(rest)[1] or scheme not in ("demo", "run", "file", "hf"):
        return None
    path = fetch_model(rest) if scheme == "hf" else network_path(text)
    return path.parent if path.is_file() else path


def preset_of(text: str) -> Preset | None:
    """The preset that a text names, as a scheme or after its question mark; None if it names none.

    Raises:
        ValueError: there is no such preset.
    """
    scheme, _, rest = text.partition(":")
    name = rest if scheme == "robustbench" else divided(rest)[1].get("preset")
    return None if name is None else find_preset(name)


def _load_file(text: str) -> Classifier:
    name, query = divided(text)
    path = at_home(name)
    if query:
        require_described(query, form="file:PATH", text=f"file:{text}")
        return load_described(path, query)
    _require_own_format(path)
    return load_model(path)


def _require_own_format(path: Path) -> None:
    if path.is_file() and not path.with_name(CONFIG).is_file():
        raise ValueError(
            f"{path} has no {CONFIG} beside it, so it is not ours; say what network it holds: "
            f"file:{path}?architecture=NAME (see robustill list models) or file:{path}?preset=DATASET/NAME."
        )


def check_fits(what: str, text: str, model: Classifier, dataset: Dataset) -> None:
    """Refuses a network (``what`` it is, and the text it was loaded by) that cannot speak about these images.

    Raises:
        ValueError: another number of classes, the same classes in another order, or another number of channels.
    """
    config = model.config
    if config.num_classes != dataset.num_classes:
        raise ValueError(
            f"{what} and data must have the same classes. Found: {config.num_classes} classes in {text}, "
            f"{dataset.num_classes} in {dataset.name}. Choose a network that was trained on these classes."
        )
    if config.in_channels != dataset.channels:
        raise ValueError(
            f"{what} and data must have the same channels. Found: {config.in_channels} in {text}, "
            f"{dataset.channels} in {dataset.name}. Give --channels {config.in_channels} to convert the images."
        )
    names = _saved_classes(text)
    if names is not None and names != dataset.classes:
        raise ValueError(
            f"{what} and data must name the same classes in the same order. Found: {', '.join(names)} in {text}, "
            f"{', '.join(dataset.classes)} in {dataset.name}."
        )


def _saved_classes(text: str) -> tuple[str, ...] | None:
    """The names of the classes, which our own format keeps; None where nobody knows them."""
    folder = own_folder(text)
    names = None if folder is None else read_entries(folder).get("classes")
    if names is None:
        return None
    if not isinstance(names, list):
        raise ValueError(f"{folder}: the config's classes should be a list of names; found {brief(names)}.")
    return tuple(map(str, names))
