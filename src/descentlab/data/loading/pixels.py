"""Read image files of any mode as 8-bit grey or RGB pixels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from descentlab.data.fetch.sources import DataError

MODES = {1: "L", 3: "RGB"}
TRANSPARENT = "transparent"
UNIT, BYTE = "floats from 0 to 1", "floats from 0 to 255"


def read_image(path: Path, size: int, channels: int, seen: Counter[str] | None = None) -> NDArray[np.uint8]:
    """Return the pixels (channels, size, size) of an image, its shorter side scaled to `size` and the centre cut out.

    16-bit pixels are scaled from 0..65535, floats from 0..1 or 0..255, and transparent images are composited on white.

    Args:
        path: the image file.
        size: side length of the result, in pixels.
        channels: 1 (grey) or 3 (RGB).
        seen: updated with the counts of TRANSPARENT images, and of images whose pixels are floats in UNIT or BYTE.

    Raises:
        DataError: the image cannot be read, or the range of its pixels is unknown.
    """
    seen = Counter() if seen is None else seen
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(_eight_bit(image, path, seen))
            plain = _opaque(turned, seen).convert(MODES[channels])
            pixels = np.array(ImageOps.fit(plain, (size, size), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}): remove or replace it") from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _eight_bit(image: Image.Image, path: Path, seen: Counter[str]) -> Image.Image:
    """Return `image` with at most 8 bits per channel, keeping its orientation tag."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):  # 16-bit PGM files have mode I
        unit = np.asarray(image).astype(np.float64) / 65535
    elif image.mode == "F":
        unit = _unit_floats(np.asarray(image).astype(np.float64), path, seen)
    elif image.mode == "I":
        raise DataError(f"{path} has 32-bit integer pixels (mode I), whose range is unknown: {_convert()}")
    else:
        return image
    scaled = Image.fromarray((unit * 255).round().astype(np.uint8))
    scaled.getexif().update(image.getexif())
    return scaled


def _unit_floats(pixels: NDArray[np.float64], path: Path, seen: Counter[str]) -> NDArray[np.float64]:
    least, largest = float(pixels.min()), float(pixels.max())
    if not (least >= 0 and largest <= 255):  # true for NaN as well
        span = f"from {least:g} to {largest:g}"
        raise DataError(f"{path} has float pixels (mode F) {span}, neither within 0..1 nor 0..255: {_convert()}")
    if largest > 0:
        seen[UNIT if largest <= 1 else BYTE] += 1
    return pixels if largest <= 1 else pixels / 255


def _convert() -> str:
    return "convert the images to 8 or 16 bits"


def _opaque(image: Image.Image, seen: Counter[str]) -> Image.Image:
    """Return `image` composited on white if it has transparent pixels; on black if the result on white would be blank."""
    if not image.has_transparency_data:
        return image
    drawn = image.convert("RGBA")
    if drawn.getextrema()[3][0] == 255:  # pyright: ignore[reportIndexIssue, reportGeneralTypeIssues]
        return drawn
    seen[TRANSPARENT] += 1
    on_white = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)
    blank = all(low == high for low, high in on_white.convert("RGB").getextrema())  # pyright: ignore[reportGeneralTypeIssues]
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "black"), drawn) if blank else on_white


def reading_warnings(seen: Counter[str], folder: Path) -> list[str]:
    """Return warnings about the images that read_image counted in `seen`.

    Raises:
        DataError: some float images are in 0..1 and others in 0..255.
    """
    if seen[UNIT] and seen[BYTE]:
        number = f"{seen[UNIT]} have {UNIT}, {seen[BYTE]} have {BYTE}"
        raise DataError(f"data.path={folder}: of the images with float pixels (mode F) {number}: {_convert()}")
    if not seen[TRANSPARENT]:
        return []
    number = seen[TRANSPARENT]
    subject = "1 image has" if number == 1 else f"{number:,} images have"
    return [f"{subject} transparent pixels: composited on white, or on black if the image would be blank on white."]
