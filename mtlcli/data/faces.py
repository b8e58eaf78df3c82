"""Where the faces are: OpenCV's Haar cascade, or a YuNet network when its ONNX file is given.

Both run on the CPU and open no network connection. cv2 is imported where it is first needed.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mtlcli.errors import DataError, MissingError

Box = tuple[int, int, int, int]

ENVIRONMENT = "MTL_FACE_DETECTOR"
_INSTALL = 'pip install "mtlcli[faces]"'
_LONG_SIDE = 960  # pixels; a larger photo is searched in a reduced copy
_CLOSE_UP_SIDE = 320
_TILTS = (12, -12, 18, -18, 24, -24)  # degrees

# Weights below which hardly anything is a face, found on crops of faces and on street scenes.
_WEAKEST, _WEAKEST_SMALL, _WEAKEST_TILTED = 2.0, 4.0, 3.0
_SMALL = 0.12  # of the picture's short side
_OVERLAP = 0.3  # intersection over union from which two boxes are one face


@dataclass(frozen=True)
class Face:
    """A face found in a picture.

    :param box: ``(x0, y0, x1, y1)`` in pixels of the picture, inside it.
    :param score: how sure the detector is: 0..1 for YuNet, an open scale (2..10) for Haar.
    """

    box: Box
    score: float


#: an RGB picture ``[H, W, 3] uint8`` to its faces, from left to right.
Detector = Callable[[np.ndarray], list[Face]]


def detector(path: Path | None = None) -> Detector:
    """The face detector: YuNet from ``path`` or ``$MTL_FACE_DETECTOR``, else OpenCV's Haar cascade.

    :raises MissingError: OpenCV is not installed, has no cascades, or the ONNX file is not there.
    :raises DataError: the ONNX file is not a YuNet network.
    """
    given = path or os.environ.get(ENVIRONMENT)
    return YuNet(Path(given)) if given else Haar()


def suppress(faces: Sequence[Face], overlap: float = _OVERLAP) -> list[Face]:
    """Of faces that overlap keep the one with the highest score; from left to right.

    A box that lies mostly inside a kept one goes too: cascades like to find a mouth in a face.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: (-f.score, f.box)):
        if all(_shared(face.box, other.box) <= overlap for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda f: f.box)


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    """Intersection over union, or over the smaller box where that one lies 70 % in the other."""
    inside = _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    if inside == 0:
        return 0.0
    contained = inside / min(_area(a), _area(b))
    return contained if contained > 0.7 else inside / (_area(a) + _area(b) - inside)


class _Square(NamedTuple):
    """What a cascade found, in pixels of the picture it was given."""

    x: int
    y: int
    side: int
    score: float


def _face(
    x: float, y: float, width: float, score: float, frame: tuple[int, ...], height: float = 0.0
) -> Face | None:
    """A face, cut to the frame ``(height, width, ...)``; square unless told; None if outside."""
    x0, y0 = max(0, round(x)), max(0, round(y))
    x1, y1 = min(frame[1], round(x + width)), min(frame[0], round(y + (height or width)))
    return Face((x0, y0, x1, y1), round(score, 3)) if x1 > x0 and y1 > y0 else None


def _cv2() -> ModuleType:
    try:
        import cv2
    except ImportError:
        raise MissingError(
            "finding faces needs OpenCV, which is not installed",
            hint=f"{_INSTALL}, or `--whole` if each picture is one face already",
        ) from None
    module: ModuleType = cv2
    return module


def _reduced(picture: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture with its long side at most ``side`` pixels, and the factor back to its own."""
    import cv2

    factor = max(1.0, max(picture.shape[:2]) / side)
    if factor == 1.0:
        return picture, factor
    size = (max(1, round(picture.shape[1] / factor)), max(1, round(picture.shape[0] / factor)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), factor


class Haar:
    """Viola and Jones (CVPR 2001) with OpenCV's frontal cascades: one proposes, another confirms.

    First upright faces of any size are looked for. Where there are none, the picture may be a tight
    crop or a tilted head: then one large face is looked for with a border around the picture,
    upright and turned by up to 24 degrees. The score is the weight of the first cascade's last
    stage.
    """

    def __init__(self) -> None:
        self._proposes = _cascade("haarcascade_frontalface_default.xml")
        self._confirms = _cascade("haarcascade_frontalface_alt2.xml")

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Faces of ``image [H, W, 3] uint8`` RGB."""
        import cv2

        grey, factor = _reduced(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _LONG_SIDE)
        short = min(grey.shape)
        found = [
            _face(f.x * factor, f.y * factor, f.side * factor, f.score, image.shape)
            for f in self._search(grey, max(24, round(0.03 * short)), 1.1)
            if f.score >= (_WEAKEST if f.side >= _SMALL * short else _WEAKEST_SMALL)
        ]
        faces = [face for face in found if face is not None]
        return suppress(faces) if faces else self._close_up(image)

    def _search(self, picture: np.ndarray, smallest: int, step: float) -> list[_Square]:
        boxes, _, weights = self._proposes.detectMultiScale3(
            picture, scaleFactor=step, minNeighbors=4, minSize=(smallest, smallest),
            outputRejectLevels=True,
        )  # fmt: skip
        found = [
            _Square(int(x), int(y), int(side), float(score))
            for (x, y, side, _), score in zip(boxes, np.ravel(weights), strict=True)
        ]
        return [f for f in found if self._confirmed(picture, f)]

    def _confirmed(self, picture: np.ndarray, found: _Square) -> bool:
        """Whether the second cascade sees a face of about this size in this place too."""
        border = round(0.15 * found.side)
        top, left = max(0, found.y - border), max(0, found.x - border)
        bottom, right = found.y + found.side + border, found.x + found.side + border
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        smallest = max(20, round(0.6 * found.side))
        seen = self._confirms.detectMultiScale(
            part, scaleFactor=1.05, minNeighbors=1, minSize=(smallest, smallest)
        )
        return len(seen) > 0

    def _close_up(self, image: np.ndarray) -> list[Face]:
        """One large face, upright or else tilted, that may reach past the picture's edge."""
        wide, factor, border = _close_view(image)
        smallest = round(0.4 * (min(wide.shape) - 2 * border))
        for angles, weakest in (((0,), _WEAKEST), (_TILTS, _WEAKEST_TILTED)):
            found = [
                (f.score, f.side, back @ (f.x + f.side / 2, f.y + f.side / 2, 1.0) - border)
                for turned, back in (_turned(wide, angle) for angle in angles)
                for f in self._search(turned, smallest, 1.05)
                if f.score >= weakest
            ]
            if found:
                score, side, middle = max(found, key=lambda f: f[0])
                x, y = (middle - side / 2) * factor
                face = _face(x, y, side * factor, score, image.shape)
                return [face] if face else []
        return []


def _cascade(name: str) -> Any:
    """One of OpenCV's cascades.

    :raises MissingError: this OpenCV has none.
    """
    cv2 = _cv2()
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / name
    if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
        raise MissingError(
            f"OpenCV {cv2.__version__} brings no Haar cascades (version 4 does, 5 does not)",
            hint=f"{_INSTALL}, or give a YuNet file: --detector FILE.onnx",
        )
    return cv2.CascadeClassifier(str(path))


def _close_view(image: np.ndarray) -> tuple[np.ndarray, float, int]:
    """A small one-channel copy with even contrast and a border: picture, factor back, border.

    The brightest of the three channels shows dark skin and shaded faces better than grey does.
    """
    import cv2

    bright, factor = _reduced(image.max(2), _CLOSE_UP_SIDE)
    even = cv2.createCLAHE(2.0, (8, 8)).apply(bright)
    border = round(0.25 * min(even.shape))
    sides = (border, border, border, border)
    return cv2.copyMakeBorder(even, *sides, cv2.BORDER_REPLICATE), factor, border


def _turned(picture: np.ndarray, degrees: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned around its middle, and the ``[2, 3]`` way back."""
    import cv2

    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return turned, cv2.invertAffineTransform(turn)


class YuNet:
    """YuNet (Wu, Peng, Yu, MIR 2023) from the ONNX file of OpenCV's model collection.

    :param path: such as ``face_detection_yunet_2023mar.onnx``.
    """

    def __init__(self, path: Path) -> None:
        cv2 = _cv2()
        if not path.is_file():
            raise MissingError(
                f"there is no face detector {path}",
                hint=f"give a YuNet file with --detector FILE.onnx or ${ENVIRONMENT}",
            )
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), 0.7, _OVERLAP, 5000)
        except cv2.error as fault:
            reason = str(fault).strip().splitlines()[0]
            raise DataError(
                f"{path} is not a YuNet face detector: {reason}",
                hint="the file is face_detection_yunet_2023mar.onnx of OpenCV's model collection",
            ) from None

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Faces of ``image [H, W, 3] uint8`` RGB."""
        small, factor = _reduced(image, _LONG_SIDE)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._net.detect(np.ascontiguousarray(small[:, :, ::-1]))  # YuNet reads BGR
        found = [
            _face(x, y, width, float(row[14]), image.shape, height)
            for row in ([] if rows is None else rows)
            for x, y, width, height in [(row[:4] * factor).tolist()]
        ]
        return suppress([face for face in found if face is not None])
