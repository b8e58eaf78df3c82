"""Boundaries lie on both sides of where the class changes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.data.preparers.boundaries import boundaries


def by_hand(labels: np.ndarray) -> np.ndarray:
    height, width = labels.shape
    found = np.zeros(labels.shape, np.uint8)
    for y in range(height):
        for x in range(width):
            if labels[y, x] == 255:
                found[y, x] = 255
                continue
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= v < height and 0 <= u < width
                if inside and labels[v, u] not in (255, labels[y, x]):
                    found[y, x] = 1
    return found


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7))
def test_every_pixel_is_as_its_neighbours_say(seed: int, height: int, width: int) -> None:
    labels = np.random.default_rng(seed).choice([0, 1, 2, 255], (height, width)).astype(np.uint8)
    np.testing.assert_array_equal(boundaries(labels), by_hand(labels))


def test_what_is_unlabelled_makes_no_boundary() -> None:
    labels = np.array([[0, 255, 1]], np.uint8)
    assert boundaries(labels).tolist() == [[0, 255, 0]]
