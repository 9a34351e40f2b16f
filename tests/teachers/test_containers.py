"""Foreign checkpoints: every container form gives the same logits, and everything that is wrong its own sentence."""

from __future__ import annotations

import argparse
import io
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from robustill.teachers.containers import fit_names, read_checkpoint, take_constants
from robustill.teachers.foreign import load_foreign
from robustill.teachers.presets import CIFAR10, CIFAR100, RAW, Constants
from tests.models.zoo import TINY, lived_in
from tests.teachers.checkpoints import (
    ARCHITECTURE,
    CLASSES,
    STATISTICS,
    X,
    network,
    normalised,
    prefixed,
    saved,
    weights,
)

State = dict[str, Tensor]

OTHER = {name: value + 1 for name, value in weights().items()}
"""Weights that must not be taken."""

CONTENTS: dict[str, Callable[[State], Any]] = {
    "flat": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "best": torch.tensor(0.5)},
    "model_state_dict": lambda state: {"model_state_dict": state, "scheduler": None},
    "average of a pair": lambda state: {"unaveraged_model_state_dict": OTHER, "model_state_dict": state},
    "net": lambda state: {"net": state, "acc": 81.2},
    "model": lambda state: {"model": state, "optimizer": {"state": {}}},
    "last of two": lambda state: {"best": OTHER, "last": state},
    "nested": lambda state: {"state_dict": {"net": state}},
    "with numpy and arguments": lambda state: {
        "net": state,
        "acc": np.float64(0.5),
        "args": argparse.Namespace(lr=0.1),
    },
    "module": lambda state: prefixed(state, "module."),
    "model.": lambda state: {"state_dict": prefixed(state, "model.")},
    "0": lambda state: prefixed(state, "0."),
    "module.0": lambda state: {"model_state_dict": prefixed(state, "module.0.")},
    "module.module.1": lambda state: prefixed(state, "module.module.1."),
    "sub_block1": lambda state: state | {f"sub_{k}": v for k, v in state.items() if k.startswith("block1.")},
    "sub_block1 below module": lambda state: prefixed(
        state | {"sub_block1.layer.0.bn1.weight": torch.ones(3)}, "module."
    ),
    "no num_batches_tracked": lambda state: {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
    "parameters": lambda state: {k: nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()},
    "double": lambda state: {k: v.double() if v.is_floating_point() else v for k, v in state.items()},
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("form", CONTENTS)
def test_every_form_gives_the_same_logits(form: str, legacy: bool, tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", CONTENTS[form](weights()), legacy=legacy)
    model = load_foreign(file, ARCHITECTURE)
    torch.testing.assert_close(model(X), network()(X), rtol=0, atol=0)
    assert model.config.num_classes == CLASSES
    assert model.config.mean is None
    assert not model.training


@pytest.mark.parametrize("architecture", TINY)
def test_every_form_of_every_architecture(architecture: str, tmp_path: Path) -> None:
    published = lived_in(architecture)
    state = dict(published.state_dict())
    with torch.no_grad():
        expected = published(X)
        for form in ("flat", "state_dict", "average of a pair", "module.0", "no num_batches_tracked"):
            model = load_foreign(saved(tmp_path / "teacher.pt", CONTENTS[form](state)), architecture)
            assert torch.equal(model(X), expected), form


def test_safetensors(tmp_path: Path) -> None:
    save_file(prefixed(weights(), "module."), tmp_path / "teacher.safetensors")
    assert torch.equal(load_foreign(tmp_path / "teacher.safetensors", ARCHITECTURE)(X), network()(X))


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights().items()}
    model = load_foreign(saved(tmp_path / "half.pt", half), ARCHITECTURE)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    torch.testing.assert_close(model(X), network()(X), rtol=0.05, atol=0.05)


def test_grey_images_and_classes_are_read_from_the_weights(tmp_path: Path) -> None:
    state = weights(num_classes=7)
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    config = load_foreign(saved(tmp_path / "grey.pt", state), ARCHITECTURE).config
    assert (config.in_channels, config.num_classes) == (1, 7)


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights())
    before = torch.random.get_rng_state()
    load_foreign(file, ARCHITECTURE)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_numbers_of_either_numpy_are_harmless(name: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", {"net": weights(), "acc": np.float64(0.5)}, legacy=True)
    content = re.sub(rb"cnumpy\._?core\.multiarray\n", f"c{name}\n".encode(), file.read_bytes())
    assert f"c{name}\n".encode() in content
    file.write_bytes(content)
    assert torch.equal(load_foreign(file, ARCHITECTURE)(X), network()(X))


# Names


def test_a_prefix_falls_only_where_all_names_have_it() -> None:
    one = torch.zeros(1)
    mixed = {"module.conv.weight": one, "conv.bias": one}
    assert set(fit_names(mixed, {"conv.weight": one, "conv.bias": one})) == set(mixed)


def test_a_prefix_inside_a_name_stays() -> None:
    one = torch.zeros(1)
    names = {"conv.module.weight": one, "conv.model.weight": one}
    assert set(fit_names(prefixed(names, "module."), names)) == set(names)


def test_a_prefix_of_the_network_itself_stays() -> None:
    own = {"model.conv.weight": torch.zeros(1), "model.fc.weight": torch.zeros(1)}
    assert set(fit_names(prefixed(own, "module."), own)) == set(own)


def test_a_sub_block1_that_the_network_has_is_kept(tmp_path: Path) -> None:
    state = weights()
    state |= {f"sub_{name}": value + 1 for name, value in state.items() if name.startswith("block1.")}
    model = load_foreign(saved(tmp_path / "ltd.pt", state), "WideResNet(depth=10, factor=1, sub_block1=True)")
    assert torch.equal(model.state_dict()["sub_block1.layer.0.conv1.weight"], state["block1.layer.0.conv1.weight"] + 1)


# Normalisation


def buffers(module: str, mean: str = "mean", std: str = "std", constants: Constants = STATISTICS) -> State:
    shape = (1, 3, 1, 1)
    return {
        module + mean: torch.tensor(constants.mean).view(shape),
        module + std: torch.tensor(constants.std).view(shape),
    }


WITH_CONSTANTS: dict[str, Callable[[State], State]] = {
    "mu and sigma of the network": lambda state: state | buffers("", "mu", "sigma"),
    "below module": lambda state: prefixed(state | buffers(""), "module."),
    "normalise, then the network": lambda state: buffers("0.") | prefixed(state, "1."),
    "below module, normalise, then the network": lambda state: prefixed(
        buffers("0.") | prefixed(state, "1."), "module."
    ),
    "named modules": lambda state: buffers("normalize.") | prefixed(state, "model."),
    "beside an identity": lambda state: (
        buffers("0.", constants=Constants((0.0,) * 3, (1.0,) * 3)) | prefixed(state | buffers(""), "1.")
    ),
}


@pytest.mark.parametrize("required", [None, STATISTICS, Constants((0.3, 0.4002, 0.4999), STATISTICS.std)])
@pytest.mark.parametrize("form", WITH_CONSTANTS)
def test_constants_among_the_weights_are_applied_once(form: str, required: Constants | None, tmp_path: Path) -> None:
    model = load_foreign(
        saved(tmp_path / "teacher.pt", WITH_CONSTANTS[form](weights())), ARCHITECTURE, constants=required
    )
    assert (model.config.mean, model.config.std) == STATISTICS
    torch.testing.assert_close(model(X), network()(normalised(X)))


def test_constants_that_only_the_caller_knows(tmp_path: Path) -> None:
    model = load_foreign(saved(tmp_path / "teacher.pt", weights()), ARCHITECTURE, constants=STATISTICS)
    torch.testing.assert_close(model(X), network()(normalised(X)))


def test_an_identity_is_no_normalisation(tmp_path: Path) -> None:
    state = weights() | buffers("", constants=Constants((0.0,) * 3, (1.0,) * 3))
    assert load_foreign(saved(tmp_path / "teacher.pt", state), ARCHITECTURE, constants=RAW).config.mean is None


@pytest.mark.parametrize(
    ("found", "required", "wanted"),
    [
        (CIFAR10, CIFAR100, r"to take mean \(0\.5071, 0\.4865, 0\.4409\) and std \(0\.2673, 0\.2564, 0\.2762\)"),
        (CIFAR10, RAW, "to take raw pixels"),
        (CIFAR10, Constants((0.4914,), (0.2471,)), r"to take mean \(0\.4914,\)"),
    ],
)
def test_constants_of_another_dataset(found: Constants, required: Constants, wanted: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights() | buffers("", constants=found))
    message = rf"teacher\.pt normalises with mean \(0\.4914, 0\.4822, 0\.4465\) .* required {wanted}.*another dataset"
    with pytest.raises(ValueError, match=message):
        load_foreign(file, ARCHITECTURE, constants=required)


def test_a_network_that_normalises_twice() -> None:
    state = buffers("0.") | buffers("1.", "mu", "sigma")
    with pytest.raises(ValueError, match=r"teacher\.pt normalises more than once, by 0\.mean and 1\.mu"):
        take_constants(state, source="teacher.pt")


def test_statistics_of_batch_norm_are_no_constants() -> None:
    state = weights()
    assert take_constants(state, source="") is None
    assert set(state) == set(weights())


# What would run code


class Marked:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    file = saved(tmp_path / "evil.pt", {"net": weights(), "extra": Marked(tmp_path / "mark")})
    with pytest.raises(ValueError, match=r"evil\.pt needs \S+ to be read.*any code.*ROBUSTILL_UNSAFE_PICKLE=1"):
        load_foreign(file, ARCHITECTURE)
    assert not (tmp_path / "mark").exists()


def test_the_flag_allows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTILL_UNSAFE_PICKLE", "1")
    file = saved(tmp_path / "trusted.pt", {"net": weights(), "extra": Marked(tmp_path / "mark")})
    assert torch.equal(load_foreign(file, ARCHITECTURE)(X), network()(X))
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"model": net}], ids=["alone", "in a container"])
def test_a_whole_network_needs_the_flag(
    wrap: Callable[[nn.Module], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    file = saved(tmp_path / "whole.pt", wrap(net))
    with pytest.raises(ValueError, match=r"whole\.pt needs torch\.nn\.modules\.\S+Sequential to be read"):
        read_checkpoint(file)
    monkeypatch.setenv("ROBUSTILL_UNSAFE_PICKLE", "1")
    assert set(read_checkpoint(file)) == {"1.weight", "1.bias"}


# Files that are no checkpoints


def archive(mode: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:  # type: ignore[call-overload]
        tar.addfile(tarfile.TarInfo("teacher.pt"))
    return data.getvalue()


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("readme.txt", "see inside")
    return data.getvalue()


PAGE = b"\n  <!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 184803174\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"teacher\.pt is empty; the download failed"),
        (PAGE, r"teacher\.pt is a web page, not weights: .*quota.*Remove it"),
        (POINTER, r"teacher\.pt is a pointer of Git LFS.*git lfs pull"),
        (archive("w"), r"teacher\.pt is an archive; unpack it"),
        (archive("w:gz"), r"teacher\.pt is an archive; unpack it"),
        (archive("w:xz"), r"teacher\.pt is an archive; unpack it"),
        (zipped(), r"teacher\.pt is an archive; unpack it"),
        (bytes(range(1, 256)) * 9, r"teacher\.pt is no checkpoint of PyTorch, or a damaged one"),
        (b"hello, world", r"teacher\.pt is no checkpoint of PyTorch, or a damaged one"),
    ],
    ids=["empty", "page", "pointer", "tar", "tar.gz", "tar.xz", "zip", "bytes", "text"],
)
def test_files_that_are_no_weights(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(file)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_file_without_its_end(share: float, legacy: bool, tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights(), legacy=legacy)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"teacher\.pt is only the beginning of a checkpoint: its end is missing"):
        read_checkpoint(file)


def test_safetensors_without_its_end(tmp_path: Path) -> None:
    file = tmp_path / "teacher.safetensors"
    save_file(weights(), file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"teacher\.safetensors is no safetensors file, or not all of it"):
        read_checkpoint(file)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*none\.pt\."):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .* \(it is a folder\)"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], r"should hold a dictionary of weights\. Found: a list\."),
        (3, r"should hold a dictionary of weights\. Found: an int\."),
        (
            {"epoch": 3, "optimizer": {}},
            r"should hold weights, flat or below one of state_dict, .*, last\. Found: epoch, optimizer\.",
        ),
        ({"state_dict": {}}, r"should hold weights, .* Found: nothing\."),
    ],
)
def test_contents_without_weights(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"teacher\.pt {message}"):
        read_checkpoint(saved(tmp_path / "teacher.pt", content))


# Weights of another network


def test_another_number_of_classes(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", prefixed(weights(num_classes=100), "module."))
    with pytest.raises(
        ValueError, match=r"teacher\.pt distinguishes 100 classes, and 10 are required; .*another dataset"
    ):
        load_foreign(file, ARCHITECTURE, num_classes=10)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("WideResNet(depth=16, factor=1)", r"lacks block1\.layer\.1\.bn1\.weight"),
        ("WideResNet(depth=10, factor=2)", r"lacks block1\.layer\.0\.convShortcut\.weight"),
        ("ResNet(width=4)", r"lacks layer1\.0\.conv1\.weight, .*, which the network needs; is it another"),
        ("DeepMindWideResNet(depth=10, factor=1)", r"lacks init_conv\.weight"),
        ("wrn_1", "No model is called 'wrn_1'"),
    ],
)
def test_another_architecture(architecture: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load_foreign(saved(tmp_path / "teacher.pt", weights()), architecture)


def test_another_width(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", lived_in("ResNet(width=2)").state_dict())
    with pytest.raises(ValueError, match=r"teacher\.pt holds conv1\.weight 2x3x3x3 instead of 4x3x3x3"):
        load_foreign(file, "ResNet(width=4)")


def test_surplus_weights(tmp_path: Path) -> None:
    file = saved(tmp_path / "teacher.pt", weights() | {"block4.weight": torch.ones(1)})
    with pytest.raises(ValueError, match=r"teacher\.pt holds block4\.weight, which the network does not have"):
        load_foreign(file, ARCHITECTURE)


def test_a_training_that_diverged(tmp_path: Path) -> None:
    state = weights()
    state["fc.bias"] = state["fc.bias"].clone().fill_(float("nan"))
    with pytest.raises(ValueError, match=r"teacher\.pt holds numbers that are not finite, in fc\.bias"):
        load_foreign(saved(tmp_path / "teacher.pt", state), ARCHITECTURE)
