"""Reading pixels of image files: bit depths, floats, transparency."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.pixels import TRANSPARENT, read_image, reading_warnings

RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("x.png", (RAMP * 65535).astype(np.uint16)),
        ("x.tiff", (RAMP * 65535).astype(np.uint16)),
        ("x.tiff", (RAMP * 65535).astype(">u2")),
        ("x.pgm", (RAMP * 65535).astype(np.uint16)),
        ("x.tiff", RAMP.astype(np.float32)),
        ("x.tiff", (RAMP * 255).astype(np.float32)),
        ("x.png", (RAMP * 255).astype(np.uint8)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_bit_depth_keeps_its_contrast(tmp_path, name, pixels, channels):
    if name.endswith("pgm"):
        (tmp_path / name).write_bytes(b"P5\n8 8\n65535\n" + pixels.astype(">u2").tobytes())
    else:
        Image.fromarray(pixels).save(tmp_path / name)
    read = read_image(tmp_path / name, 8, channels)
    assert np.abs(read[0] / 255 - RAMP).max() < 0.005


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ((RAMP * 1e6).astype(np.int32), "32-bit integer pixels (mode I), whose range is unknown"),
        ((RAMP * 1000).astype(np.float32), "float pixels (mode F) from 0 to 1000"),
        ((RAMP - 0.5).astype(np.float32), "float pixels (mode F) from -0.5 to 0.5"),
        (np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32), "float pixels (mode F) from nan to nan"),
    ],
)
def test_unknown_pixel_range_is_refused(tmp_path, pixels, message):
    Image.fromarray(pixels).save(tmp_path / "x.tiff")
    with pytest.raises(DataError) as refused:
        read_image(tmp_path / "x.tiff", 8, 1)
    assert message in str(refused.value)
    assert "x.tiff" in str(refused.value)


def test_images_with_two_float_ranges_are_refused(tmp_path):
    seen: Counter[str] = Counter()
    for scale in (0, 1, 255):
        Image.fromarray((RAMP * scale).astype(np.float32)).save(tmp_path / "x.tiff")
        read_image(tmp_path / "x.tiff", 8, 1, seen)
    with pytest.raises(DataError, match=r"1 have floats from 0 to 1, 1 have floats from 0 to 255"):
        reading_warnings(seen, tmp_path)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("channels", [1, 3])
def test_drawing_in_the_alpha_channel_is_visible(tmp_path, mode, ink, channels):
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:6, 2:6] = 255
    rgba = np.dstack([np.full((8, 8, 3), ink, np.uint8), alpha])
    Image.fromarray(rgba).convert(mode).save(tmp_path / "x.png")
    seen: Counter[str] = Counter()
    read = read_image(tmp_path / "x.png", 8, channels, seen)
    assert (read[0] == np.where(alpha, ink, 255 - ink)).all()
    assert seen[TRANSPARENT] == 1
    assert reading_warnings(seen, tmp_path)[0].startswith("1 image has transparent pixels: composited on white")


def test_palette_transparency_gives_a_warning_and_full_opacity_does_not(tmp_path):
    image = Image.fromarray((RAMP > 0.5).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.save(tmp_path / "x.png", transparency=0)
    assert set(read_image(tmp_path / "x.png", 8, 1).flat) == {0, 255}
    seen: Counter[str] = Counter()
    Image.fromarray((RAMP * 255).astype(np.uint8)).convert("RGBA").save(tmp_path / "x.png")
    read_image(tmp_path / "x.png", 8, 1, seen)
    assert not reading_warnings(seen, tmp_path)
