"""Face detection: what overlaps is one face, boxes stay inside, and what is missing is named."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import faces
from mtlcli.data.faces import Face, detector, suppress
from mtlcli.errors import DataError, MissingError

_corner, _side = st.integers(0, 60), st.integers(1, 40)
_boxes = st.tuples(_corner, _corner, _side, _side).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
_faces = st.lists(st.builds(Face, _boxes, st.floats(0, 10)), max_size=12)


def _iou(a: Face, b: Face) -> float:
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    inside = max(0, width) * max(0, height)
    areas = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in (a, b)]
    return inside / (sum(areas) - inside)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(_faces)
def test_what_is_kept_hardly_overlaps_and_includes_the_surest(found: list[Face]) -> None:
    kept = suppress(found)
    assert all(_iou(a, b) <= 0.3 for i, a in enumerate(kept) for b in kept[:i])
    assert bool(kept) == bool(found)
    if found:
        assert max(f.score for f in kept) == max(f.score for f in found)
    assert kept == sorted(kept, key=lambda f: f.box)
    assert suppress(kept) == kept


def test_a_box_inside_a_surer_one_is_no_face_of_its_own() -> None:
    face, mouth = Face((0, 0, 100, 100), 8.0), Face((30, 60, 70, 90), 3.0)
    assert suppress([mouth, face]) == [face]


def test_without_opencv_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingError) as caught:
        detector()
    assert 'pip install "mtlcli[faces]"' in str(caught.value)


def test_an_opencv_without_cascades_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(__version__="5.0.0"))
    with pytest.raises(MissingError, match=r"OpenCV 5\.0\.0 brings no Haar cascades") as caught:
        detector()
    assert "mtlcli[faces]" in str(caught.value.hint)


def test_a_yunet_file_that_is_not_there_or_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    with pytest.raises(MissingError, match=r"there is no face detector .*none\.onnx"):
        detector(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    monkeypatch.setenv(faces.ENVIRONMENT, str(broken))
    with pytest.raises(DataError, match=r"is not a YuNet face detector"):
        detector()


class _FakeYuNet:
    """Answers in pixels of the picture it is given, which must be BGR."""

    seen: tuple[int, ...] = ()

    def setInputSize(self, size: tuple[int, int]) -> None:
        self.size = size

    def detect(self, picture: np.ndarray) -> tuple[int, np.ndarray | None]:
        _FakeYuNet.seen = tuple(picture[0, 0].tolist())
        assert picture.shape[:2] == self.size[::-1]
        rows = np.zeros((2, 15), np.float32)
        rows[0, [0, 1, 2, 3, 14]] = 96, 48, 96, 120, 0.9
        rows[1, [0, 1, 2, 3, 14]] = -20, -30, 60, 80, 0.8
        return 1, rows


def test_yunet_boxes_are_scaled_back_and_cut_to_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2 = pytest.importorskip("cv2")
    made: Any = SimpleNamespace(create=lambda *_: _FakeYuNet())
    monkeypatch.setattr(cv2, "FaceDetectorYN", made)
    path = tmp_path / "net.onnx"
    path.touch()
    image = np.zeros((960, 1920, 3), np.uint8)
    image[:] = 10, 20, 30
    found = detector(path)(image)  # searched at half its size
    assert [f.box for f in found] == [(0, 0, 80, 100), (192, 96, 384, 336)]
    assert _FakeYuNet.seen == (30, 20, 10)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 90), (24, 24), (300, 40), (1400, 1100)])
@pytest.mark.parametrize("grey", [0, 255])
def test_a_picture_without_content_has_no_face(size: tuple[int, int], grey: int) -> None:
    pytest.importorskip("cv2")
    assert detector()(np.full((*size, 3), grey, np.uint8)) == []


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
@pytest.mark.parametrize(("name", "middle"), [("face3.png", (225, 150)), ("face4.png", (170, 100))])
def test_the_one_face_of_a_photo_is_found_at_any_size(
    shared_data: Path, name: str, middle: tuple[int, int], scale: float
) -> None:
    pytest.importorskip("cv2")
    photo = Image.open(shared_data / "photos" / name).convert("RGB")
    size = (round(photo.width * scale), round(photo.height * scale))
    image = np.asarray(photo.resize(size, Image.Resampling.BICUBIC))
    (face,) = detector()(image)
    x0, y0, x1, y1 = face.box
    assert x0 <= middle[0] * scale <= x1
    assert y0 <= middle[1] * scale <= y1
    assert 0 <= x0 < x1 <= size[0]
    assert 0 <= y0 < y1 <= size[1]


def test_aligned_crops_hold_one_face_and_streets_hardly_any(shared_data: Path) -> None:
    pytest.importorskip("cv2")
    find = detector()
    crops = sorted((shared_data / "utkface").glob("*.jpg"))[::200]
    found = [find(np.asarray(Image.open(path).convert("RGB"))) for path in crops]
    assert sum(len(f) == 1 for f in found) >= 0.95 * len(crops)
    streets = sorted((shared_data / "camvid" / "train").glob("*.jpg"))[::40]
    wrong = sum(bool(find(np.asarray(Image.open(path).convert("RGB")))) for path in streets)
    assert wrong <= 0.2 * len(streets)
