"""Extra images: a share of every batch, drawn by (seed, epoch, index) alone, from files of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robustill.data import Batches, CropFlip, Dataset, Extra, NoAugmentation, Split, load_extra
from robustill.data.formats import arrays
from robustill.data.seeds import draws
from robustill.types import Images, Labels

OWN = Split(torch.randint(0, 128, (50, 3, 8, 8), dtype=torch.uint8), torch.arange(50) % 4)
MORE = Split(torch.randint(128, 256, (300, 3, 8, 8), dtype=torch.uint8), torch.arange(300) % 4)
DATA = Dataset("toy", OWN, OWN, ("a", "b", "c", "d"))


def make(*, batch_size: int = 20, ratio: float = 0.7, seed: int = 0, split: Split = MORE, **options: Any) -> Batches:
    options.setdefault("augmentation", NoAugmentation())
    return Batches(OWN, batch_size=batch_size, seed=seed, extra=Extra(split, ratio), **options)


def own_and_extra(x: Images) -> tuple[Images, Images]:
    """The originals are dark, the others bright, and the originals come first."""
    bright = x.amin((1, 2, 3)) > 0.5
    assert bright.sort().values.equal(bright)
    return x[~bright], x[bright]


def whole(batches: Batches, epoch: int) -> tuple[Images, Labels]:
    images, labels = zip(*batches.epoch(epoch), strict=True)
    return torch.cat(images), torch.cat(labels)


def test_an_epoch_is_a_pass_over_the_original_images() -> None:
    batches = make()
    seen = []
    sizes = []
    for x, _ in batches.epoch(0):
        own, extra = own_and_extra(x)
        seen.append(own)
        sizes.append((len(own), len(extra)))
    assert sizes == [(6, 14)] * 8 + [(2, 5)]
    assert len(batches) == len(sizes)
    found = sorted(image.numpy().tobytes() for image in torch.cat(seen))
    assert found == sorted((image.float() / 255).numpy().tobytes() for image in OWN.images)


@settings(deadline=None)
@given(st.integers(2, 60), st.floats(0.05, 0.95))
def test_every_batch_has_its_share(batch_size: int, ratio: float) -> None:
    extra = Extra(MORE, ratio)
    count = extra.count(batch_size)
    if not 0 < count < batch_size:
        with pytest.raises(ValueError, match="must have both extra and original images"):
            make(batch_size=batch_size, ratio=ratio)
        return
    sizes = [len(y) for _, y in make(batch_size=batch_size, ratio=ratio).epoch(1)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    rest = 50 - (len(sizes) - 1) * (batch_size - count)
    assert abs(sizes[-1] - rest / (1 - count / batch_size)) <= 0.5


def test_images_stay_with_their_labels() -> None:
    place = {
        image.numpy().tobytes(): label
        for s in (OWN, MORE)
        for image, label in zip(s.images, s.labels.tolist(), strict=True)
    }
    for x, y in make().epoch(2):
        assert [place[(255 * image).round().byte().numpy().tobytes()] for image in x] == y.tolist()


def test_the_originals_are_those_without_extra_images() -> None:
    plain = Batches(OWN, batch_size=50, seed=5, augmentation=CropFlip(padding=2))
    x, y = whole(plain, 3)
    mixed = make(seed=5, augmentation=CropFlip(padding=2))
    own = [(a[: 6 if len(b) == 20 else 2], b[: 6 if len(b) == 20 else 2]) for a, b in mixed.epoch(3)]
    assert torch.equal(torch.cat([a for a, _ in own]), x) and torch.equal(torch.cat([b for _, b in own]), y)


def test_an_epoch_depends_on_no_earlier_one() -> None:
    used, fresh = make(augmentation=CropFlip(padding=2)), make(augmentation=CropFlip(padding=2))
    for epoch in range(3):
        whole(used, epoch)
    for a, b in zip(whole(used, 3), whole(fresh, 3), strict=True):
        assert torch.equal(a, b)


def test_epochs_and_seeds_draw_others() -> None:
    drawn = [own_and_extra(whole(make(seed=s), e)[0][:20])[1] for s, e in ((0, 0), (0, 1), (1, 0))]
    assert not any(torch.equal(drawn[i], drawn[j]) for i in range(3) for j in range(i))


def test_the_last_batch_may_be_left_out() -> None:
    assert [len(y) for _, y in make(drop_last=True).epoch(0)] == [20] * 8


def test_extra_images_that_stream_are_the_same() -> None:
    kept, streamed = make(augmentation=CropFlip()), make(augmentation=CropFlip(), split=MORE.streaming())
    for a, b in zip(whole(kept, 1), whole(streamed, 1), strict=True):
        assert torch.equal(a, b)


def test_draws_are_uniform_and_the_same_for_ever() -> None:
    assert draws(6, 1000, 0, "extra", 0).tolist() == draws(6, 1000, 0, "extra", 0).tolist()
    counts = draws(30_000, 3, 7, "x").bincount()
    assert counts.tolist() == pytest.approx([10_000] * 3, abs=400)  # five standard deviations


# Files


def stack(count: int = 30, shape: tuple[int, ...] = (8, 8, 3)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def saved(folder: Path, kind: str, image: NDArray[Any], label: NDArray[Any]) -> str:
    if kind == "npy":
        folder.mkdir(exist_ok=True)
        np.save(folder / "image.npy", image)
        np.save(folder / "label.npy", label)
        return f"npy:{folder}"
    (np.savez if kind == "npz" else np.savez_compressed)(folder / "1m.npz", image=image, label=label)
    return f"npz:{folder / '1m.npz'}"


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("kind", ["npz", "compressed npz", "npy"])
@pytest.mark.parametrize("shape", [(8, 8, 3), (3, 8, 8)])
def test_every_kind_of_file_gives_the_images(
    kind: str, shape: tuple[int, ...], fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "fits", lambda size: fits)
    images, labels = stack(shape=shape), (np.arange(30) % 4).astype(np.int32)
    split = load_extra(saved(tmp_path, kind, images, labels), DATA)
    expected = images.transpose(0, 3, 1, 2) if shape[-1] == 3 else images
    assert split.streamed and split.shape == (3, 8, 8)
    assert np.array_equal(split.images.numpy(), expected) and split.labels.tolist() == labels.tolist()


def test_images_mapped_in_fortran_order_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "fits", lambda size: False)
    images = np.asfortranarray(stack())
    split = load_extra(saved(tmp_path, "npz", images, np.zeros(30, np.int64)), DATA)
    assert np.array_equal(split.images.numpy(), images.transpose(0, 3, 1, 2))


def test_extra_images_are_resized_with_the_others(tmp_path: Path) -> None:
    spec = saved(tmp_path, "npz", stack(shape=(16, 16)), np.zeros(30, np.int64))
    assert load_extra(spec, DATA, image_size=8, channels=3).shape == (3, 8, 8)


@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (stack(shape=(9, 9, 3)), np.zeros(30, int), "must have the shape of the others, 3x8x8; found 3x9x9"),
        (
            stack(shape=(8, 8)),
            np.zeros(30, int),
            "the others, 3x8x8; found 1x8x8 .channels x height x width.. `image_s",
        ),
        (stack(), np.arange(30), "of the classes of toy, 0 to 3; found labels from 0 to 29"),
        (stack(), np.arange(30) % 4 - 1, "found labels from -1 to 2"),
        (stack(), np.zeros(29, int), "needs one label, and there must be some; found 30 images and 29 labels"),
        (stack(0), np.zeros(0, int), "found 0 images and 0 labels"),
        (stack().astype(np.float32), np.zeros(30, int), "image must be bytes of 0 to 255 .uint8.; found float32"),
        (stack(), np.zeros(30), "label must be one whole number for each image; found float64"),
    ],
)
def test_other_arrays_are_refused(
    kind: str, image: NDArray[Any], label: NDArray[Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        load_extra(saved(tmp_path, kind, image, label), DATA)


@pytest.mark.parametrize("spec", ["demo", "npz:", "folder:x", "a.npz", "npy"])
def test_extra_images_come_from_npz_or_npy(spec: str) -> None:
    with pytest.raises(ValueError, match=r"Extra images must be given as npz:PATH, .* or npy:PATH, .* found `"):
        load_extra(spec, DATA)


def test_missing_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.npz"):
        load_extra(f"npz:{tmp_path / 'none.npz'}", DATA)
    with pytest.raises(FileNotFoundError, match=r"There is no file .*image\.npy: give the path of what numpy.save has"):
        load_extra(f"npy:{tmp_path}", DATA)


def test_an_archive_without_the_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=stack())
    with pytest.raises(ValueError, match="must hold the arrays image, label; label missing, found image"):
        load_extra(f"npz:{tmp_path / 'a.npz'}", DATA)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00{"])
def test_what_is_no_npy_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "image.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"image\.npy is no array of numbers, or not a whole one"):
        load_extra(f"npy:{tmp_path}", DATA)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.array([None, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"image\.npy is no array of numbers"):
        load_extra(f"npy:{tmp_path}", DATA)


@pytest.mark.parametrize(("batch_size", "ratio"), [(1, 0.7), (4, 0.05), (4, 0.95)])
def test_a_batch_needs_images_of_both_kinds(batch_size: int, ratio: float) -> None:
    with pytest.raises(ValueError, match=f"found a share of {ratio} extra ones of a batch of {batch_size}"):
        make(batch_size=batch_size, ratio=ratio)
