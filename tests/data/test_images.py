"""Images: whatever Pillow reads ends as upright bytes, grey or RGB, of one shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image

from robustill.data.image_files import ImageFiles
from robustill.data.images import Stack, resize, suffixes
from robustill.data.stored import in_memory

Pixels = UInt8[np.ndarray, "height width *channels"]


def read_images(files: list[str], *, image_size: int | None = None, channels: int | None = None) -> Stack:
    return in_memory(ImageFiles.of(files, image_size=image_size, channels=channels))


def random_pixels(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, image: Image.Image | Pixels, **options: Any) -> str:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return str(path)


@pytest.mark.parametrize("ending", ["png", "bmp", "webp", "tiff", "ppm"])
def test_lossless_formats_are_read_exactly(tmp_path: Path, ending: str) -> None:
    pixels = random_pixels(5, 7, 3)
    file = save(tmp_path / f"a.{ending}", pixels, **({"lossless": True} if ending == "webp" else {}))
    assert np.array_equal(read_images([file])[0], pixels.transpose(2, 0, 1))


def test_jpeg_is_read(tmp_path: Path) -> None:
    file = save(tmp_path / "a.jpg", np.full((8, 8, 3), 200, np.uint8))
    assert np.abs(read_images([file]).astype(int) - 200).max() <= 2


def test_grey_images_have_one_channel_and_colour_turns_all_of_them(tmp_path: Path) -> None:
    grey, colour = random_pixels(4, 4), random_pixels(4, 4, 3)
    grey_file, colour_file = save(tmp_path / "g.png", grey), save(tmp_path / "c.png", colour)
    assert np.array_equal(read_images([grey_file, grey_file]), np.stack([grey, grey])[:, None])
    both = read_images([grey_file, colour_file])
    assert np.array_equal(both[0], np.stack([grey] * 3))
    assert np.array_equal(both[1], colour.transpose(2, 0, 1))


def test_channels_may_be_demanded(tmp_path: Path) -> None:
    grey, colour = random_pixels(4, 4), random_pixels(4, 4, 3)
    files = [save(tmp_path / "g.png", grey), save(tmp_path / "c.png", colour)]
    one, three = read_images(files, channels=1), read_images(files, channels=3)
    assert (one.shape, three.shape) == ((2, 1, 4, 4), (2, 3, 4, 4))
    luma = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(one[1, 0] - luma).max() <= 1
    assert np.array_equal(one[0, 0], grey)


@pytest.mark.parametrize("mode", ["1", "LA"])
def test_other_grey_modes_are_grey(tmp_path: Path, mode: str) -> None:
    file = save(tmp_path / "a.png", Image.fromarray(random_pixels(4, 4)).convert(mode))
    assert read_images([file]).shape == (1, 1, 4, 4)


@pytest.mark.parametrize("mode", ["P", "CMYK", "RGBA"])
def test_other_colour_modes_are_rgb(tmp_path: Path, mode: str) -> None:
    file = save(tmp_path / "a.tiff", Image.new("RGB", (4, 4), (255, 0, 0)).convert(mode))
    pixels = read_images([file])[0].astype(int)
    assert np.abs(pixels - np.array([255, 0, 0])[:, None, None]).max() <= 2


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert read_images([save(tmp_path / "a.png", Image.fromarray(levels))]).tolist() == [[[[0, 1, 128, 255]]]]


def test_transparent_pixels_show_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 0] = 200  # red, in three strengths of alpha
    pixels[0, :, 3] = 0, 128, 255
    red, green, _ = read_images([save(tmp_path / "a.png", pixels)])[0, :, 0].astype(int)
    assert red.tolist() == [255, 227, 200]
    assert green.tolist() == [255, 127, 0]


def test_a_transparent_palette_shows_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    file = save(tmp_path / "a.png", image, transparency=bytes([0, 255]))
    assert read_images([file])[0, :, 0].T.tolist() == [[255, 255, 255], [40, 50, 60]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_orientation_is_followed(tmp_path: Path, orientation: int) -> None:
    seen = random_pixels(2, 3, 3)
    # What a camera must store so that a viewer who follows the tag sees ``seen``
    transposed = orientation >= 5
    stored = seen.transpose(1, 0, 2) if transposed else seen
    down, right = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}[
        orientation
    ]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = save(tmp_path / "a.png", np.ascontiguousarray(stored[::down, ::right]), exif=exif)
    assert np.array_equal(read_images([file])[0], seen.transpose(2, 0, 1))


def test_two_sizes_are_named(tmp_path: Path) -> None:
    files = [save(tmp_path / "a.png", random_pixels(4, 6)), save(tmp_path / "b.png", random_pixels(5, 7))]
    with pytest.raises(ValueError, match=r"`image_size` must be given .*a\.png with 6x4 and .*b\.png with 7x5"):
        read_images(files)


@pytest.mark.parametrize("size", [3, 8, 40])
def test_image_size_makes_squares(tmp_path: Path, size: int) -> None:
    files = [save(tmp_path / f"{i}.png", random_pixels(6 + i, 20, 3)) for i in range(3)]
    assert read_images(files, image_size=size).shape == (3, 3, size, size)


def test_the_middle_is_cut_out_without_distortion(tmp_path: Path) -> None:
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 200
    file = save(tmp_path / "a.png", pixels)
    assert np.array_equal(read_images([file], image_size=8)[0, 0], pixels[:, 8:16])
    tall = save(tmp_path / "b.png", np.ascontiguousarray(pixels.T))
    assert np.array_equal(read_images([tall], image_size=8)[0, 0], pixels.T[8:16])


def test_shrinking_averages(tmp_path: Path) -> None:
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    small = read_images([save(tmp_path / "a.png", checks)], image_size=8)
    assert np.abs(small.astype(int) - 127).max() <= 6


def test_a_photo_is_shrunk_to_nearly_the_same_with_and_without_the_decoder(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:256, 0:256]
    photo = np.stack([rows, columns, (rows + columns) // 2], axis=-1).astype(np.uint8)
    jpeg = save(tmp_path / "a.jpg", photo, quality=95, subsampling=0)
    png = save(tmp_path / "a.png", photo)
    difference = np.abs(np.subtract(*read_images([jpeg, png], image_size=16).astype(int)))
    assert difference.max() <= 4


def test_the_order_is_that_of_the_files(tmp_path: Path) -> None:
    pixels = [random_pixels(2, 2, seed=i) for i in range(150)]  # more than two chunks
    files = [save(tmp_path / f"{i}.png", p) for i, p in enumerate(pixels)]
    assert np.array_equal(read_images(files)[:, 0], np.stack(pixels))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
@pytest.mark.parametrize("place", [0, 1])
def test_a_broken_image_is_named(tmp_path: Path, content: bytes, place: int) -> None:
    files = [save(tmp_path / "good.png", random_pixels(4, 4))]
    (tmp_path / "broken.png").write_bytes(content)
    files.insert(place, str(tmp_path / "broken.png"))
    with pytest.raises(ValueError, match=r"broken\.png cannot be read as an image \(.*\); repair or remove it"):
        read_images(files)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif"])
def test_a_truncated_image_is_named(tmp_path: Path, ending: str) -> None:
    file = Path(save(tmp_path / f"a.{ending}", random_pixels(40, 40, 3)))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"a\.{ending} cannot be read as an image"):
        read_images([str(file)])


def test_pixels_without_a_known_range_are_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "a.tiff", Image.fromarray(np.zeros((4, 4), np.float32)))
    with pytest.raises(ValueError, match=r"a\.tiff .* mode F, whose range is unknown: convert it to 8 or 16 bits"):
        read_images([file])


def test_suffixes_are_those_of_readable_images() -> None:
    assert {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"} <= suffixes()
    assert not {".txt", ".db", ".json", ".npz", ".pdf", ".html"} & suffixes()


def test_resize_leaves_fitting_images_alone() -> None:
    stack = random_pixels(3, 1, 6, 6)
    assert resize(stack) is stack
    assert resize(stack, image_size=6, channels=1) is stack


@pytest.mark.parametrize("channels", [1, 3])
def test_resize_does_what_reading_does(tmp_path: Path, channels: int) -> None:
    stack = random_pixels(4, 3, 9, 12)
    files = [save(tmp_path / f"{i}.png", np.ascontiguousarray(p.transpose(1, 2, 0))) for i, p in enumerate(stack)]
    expected = read_images(files, image_size=5, channels=channels)
    assert np.array_equal(resize(stack, image_size=5, channels=channels), expected)


def test_resize_makes_grey_images_rgb() -> None:
    stack = random_pixels(3, 1, 6, 6)
    assert np.array_equal(resize(stack, channels=3), np.repeat(stack, 3, axis=1))
