"""The palette: contrast with the page, and distances between colours, also with a colour vision deficiency."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from descentlab.report.drawing.style import COLORS, DARK

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009), severity 1.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
PALETTES = {"light": (COLORS, "#ffffff"), "dark": (tuple(DARK.values()), "#14181d")}


def linear(color):
    values = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(color, vision):
    xyz = TO_XYZ @ np.clip(np.array(VISION[vision]) @ linear(color), 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize("vision", VISION)
def test_colours_can_be_told_apart(scheme, vision):
    colors, _ = PALETTES[scheme]
    distances = [np.linalg.norm(lab(one, vision) - lab(other, vision)) for one, other in combinations(colors, 2)]
    assert min(distances) > 7  # in CIELAB, where 2.3 is just noticeable


@pytest.mark.parametrize("scheme", PALETTES)
def test_colours_contrast_with_the_page(scheme):
    colors, page = PALETTES[scheme]
    for color in colors:
        low, high = sorted(float(TO_XYZ[1] @ linear(each)) for each in (color, page))
        assert (high + 0.05) / (low + 0.05) > 2.4, color
