"""Images of any kind to bytes of one shape: what Pillow reads, upright, grey or RGB, cut and resized to a square."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

Stack = UInt8[np.ndarray, "batch channels height width"]
Resized = UInt8[np.ndarray, "batch new_channels new_height new_width"]

_GREY = {"1", "L", "LA", "La"}
_CHUNK = 64  # files a thread takes at a time: small images cost less than the hand-over of one


@cache
def suffixes() -> frozenset[str]:
    """The endings, in lower case and with their dot, of the files that Pillow can read."""
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)


def read_images(files: Sequence[str], *, image_size: int | None = None, channels: int | None = None) -> Stack:
    """Read image files into one array, in their order, with several threads.

    Without ``channels`` the result has one channel if every image is grey, else three. Raises ValueError, naming the
    file, for what cannot be read as an image, and naming two files for images of two sizes where no ``image_size`` is
    given.
    """
    width, height = _read(files[0], image_size, channels).size
    stack = np.empty((len(files), channels or 3, height, width), np.uint8)

    def fill(start: int) -> bool:
        """Fill one chunk of the stack; is any image of it in colour?"""
        colour = False
        for i in range(start, min(start + _CHUNK, len(files))):
            image = _read(files[i], image_size, channels)
            if image.size != (width, height):
                raise ValueError(
                    f"Images must have one size, or `image_size` must be given to resize them; found {files[0]} with "
                    f"{width}x{height} and {files[i]} with {image.width}x{image.height} (width x height)."
                )
            colour |= image.mode == "RGB"
            stack[i] = _channels_first(image)  # a grey image fills all three channels
        return colour

    with ThreadPoolExecutor() as pool:
        colours = list(pool.map(fill, range(0, len(files), _CHUNK)))
    return stack if channels or any(colours) else stack[:, :1].copy()


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


def _read(file: str, image_size: int | None, channels: int | None) -> Image.Image:
    try:
        with Image.open(file) as image:
            if image_size:
                # JPEG alone: decode a photo at a half, quarter or eighth if that still leaves twice the wanted pixels
                image.draft(None, (2 * image_size, 2 * image_size))
            return _fit(_plain(ImageOps.exif_transpose(image)), image_size, channels)
    except Exception as error:  # a decoder fed with broken bytes raises anything, from OSError to struct.error
        reason = str(error).removesuffix(".") or type(error).__name__
        raise ValueError(f"{file} cannot be read as an image ({reason}); repair or remove it.") from error


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


def _channels_first(image: Image.Image) -> UInt8[np.ndarray, "channels height width"]:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
