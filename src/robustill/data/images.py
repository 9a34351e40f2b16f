"""Images of any kind to bytes of one shape: what Pillow reads, upright, grey or RGB, cut and resized to a square."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

Stack = UInt8[np.ndarray, "batch channels height width"]
Resized = UInt8[np.ndarray, "batch new_channels new_height new_width"]
Single = UInt8[np.ndarray, "channels height width"]

_GREY = {"1", "L", "LA", "La"}


@cache
def suffixes() -> frozenset[str]:
    """The endings, in lower case and with their dot, of the files that Pillow can read."""
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)


class Embedded(NamedTuple):
    """An image inside another file: what it is called in messages, and its bytes in the format of an image file."""

    name: str
    content: bytes


File = str | Embedded


def name_of(file: File) -> str:
    """What messages call a file."""
    return file.name if isinstance(file, Embedded) else file


def decode(file: File, *, image_size: int | None = None, channels: int | None = None) -> Single:
    """One image file as bytes, upright, grey or RGB, on white where it is transparent.

    Raises ValueError, naming the file, for what cannot be read as an image.
    """
    with _opened(file) as image:
        if image_size:
            # JPEG alone: decode a photo at a half, quarter or eighth if that still leaves twice the wanted pixels
            image.draft(None, (2 * image_size, 2 * image_size))
        return _channels_first(_fit(_plain(ImageOps.exif_transpose(image)), image_size, channels))


def is_grey(file: File) -> bool:
    """Whether ``decode`` makes one channel of an image file; its pixels are not read. Raises as ``decode``."""
    with _opened(file) as image:
        return image.mode in _GREY or image.mode.startswith("I;16")


def resize(stack: Stack, *, image_size: int | None = None, channels: int | None = None) -> Resized:
    """Images that are bytes already, grey or RGB, in another size and number of channels; unchanged where both fit."""
    shape = stack.shape[1:]
    wanted = (channels or shape[0], image_size or shape[1], image_size or shape[2])
    if wanted == shape:
        return stack
    result = np.empty((len(stack), *wanted), np.uint8)
    for i, image in enumerate(_as_images(stack)):
        result[i] = _channels_first(_fit(image, image_size, channels))
    return result


def _as_images(stack: Stack) -> Iterable[Image.Image]:
    for image in stack:
        yield Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


@contextmanager
def _opened(file: File) -> Iterator[Image.Image]:
    try:
        with Image.open(BytesIO(file.content) if isinstance(file, Embedded) else file) as image:
            yield image
    except Exception as error:  # a decoder fed with broken bytes raises anything, from OSError to struct.error
        reason = str(error).removesuffix(".") or type(error).__name__
        raise ValueError(
            f"{name_of(file)} cannot be read as an image ({reason}); repair or remove it. All such are found by: "
            "robustill data check DATA"
        ) from error


def _plain(image: Image.Image) -> Image.Image:
    """The image as L or RGB of 8 bits; what is transparent shows a white page."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))  # Pillow's own would cut off at 255
    elif image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of mode {image.mode}, whose range is unknown: convert it to 8 or 16 bits")
    mode = "L" if image.mode in _GREY else "RGB"
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert(mode)


def _fit(image: Image.Image, image_size: int | None, channels: int | None) -> Image.Image:
    if channels:
        image = image.convert("L" if channels == 1 else "RGB")
    if image_size:
        image = ImageOps.fit(image, (image_size, image_size), Image.Resampling.BICUBIC)
    return image


def _channels_first(image: Image.Image) -> Single:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
