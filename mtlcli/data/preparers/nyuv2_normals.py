"""Surface normals of NYUv2, in the three forms that they are handed round in.

``silberman``: ``normals/0000.png`` and ``masks/0000.png``, counted from 0 (``normals_gt.tgz`` of
Eigen and Fergus, ICCV 2015). ``ladicky``: ``train/00003.png`` and ``test/00001.png``, counted from
1, without masks (``nyu_normals_gt.zip`` of Ladický, Zeisl, Pollefeys, ECCV 2014). ``plain``:
``0003.png`` counted from 1, white where unlabelled (the ``normal_mask`` of NDDR-CNN).
"""

import re
import statistics
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

import numpy as np
from PIL import Image

from mtlcli.data import decode, maps
from mtlcli.errors import DataError

Form = Literal["silberman", "ladicky", "plain"]
_Name = TypeVar("_Name")

_FIRST = {"silberman": 0, "ladicky": 1, "plain": 1}
_ADDRESS = "https://www.inf.ethz.ch/personal/ladickyl/nyu_normals_gt.zip"
_SAMPLE = 5  # pictures
_LEAST_FACING = 0.75  # of the pixels
_FOCAL = 0.81  # picture widths: the Kinect's 519 pixels of 640
_UNPACK = {".tgz": "tar -xzf", ".gz": "tar -xzf", ".tar": "tar -xf"}


class Normals:
    """The pictures of normals in a folder or a zip archive.

    :param path: of the folder or archive.
    :raises DataError: it is not there, packed otherwise, or holds no such pictures.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        sizes = self._sizes()
        self.form: Form = _form(sizes)
        self.pictures = self._numbered(sizes, masks=False)
        self.masks = self._numbered(sizes, masks=True)
        if not self.pictures:
            raise DataError(
                "no pictures of surface normals are there", where=path,
                hint="expected: normals/0000.png with masks/0000.png …, or train/00003.png …, or "
                f"0001.png …; {_ADDRESS}",
            )  # fmt: skip
        if 0 in self.pictures and self.form == "plain":
            raise DataError(
                "these normals are counted from 0 and have no masks beside them", where=path,
                hint="name the folder above, which holds normals and masks",
            )  # fmt: skip
        used = [*self.pictures.values(), *self.masks.values()]
        self.about = f"{path.name}: {len(self.pictures)}, {sum(sizes[name] for name in used)} bytes"

    def __getstate__(self) -> dict[str, object]:
        """What goes to a worker process: an open archive cannot."""
        return {**self.__dict__, "_archive": None}

    def read(self, number: int) -> np.ndarray:
        """The normals of a picture in this program's encoding.

        :param number: from 1, as in the official split.
        :returns: ``[H, W, 3] uint8``, white where unlabelled.
        :raises DataError: it is damaged, or no RGB picture.
        """
        name = self.pictures[number]
        image = self._open(name)
        if image.mode != "RGB":
            raise DataError(f"normals are no RGB picture: {name} is {image.mode}", where=self.path)
        pixels = np.array(image)
        if self.form == "ladicky":
            pixels = from_ladicky(pixels)
        if self.form == "silberman":
            if number not in self.masks:
                raise DataError(f"normals without their mask: {name}", where=self.path)
            known = np.asarray(self._open(self.masks[number]).convert("L")) > 0
            if known.shape != pixels.shape[:2]:
                raise DataError(f"normals and mask differ in size: {name}", where=self.path)
            pixels[~known] = maps.IGNORE
        return pixels

    def check_axes(self) -> None:
        """See on a few pictures that the axes are those of this form; errors as there."""
        require_facing(self.path, sorted(self.pictures), self.read)

    def _sizes(self) -> dict[str, int]:
        """All PNG files, relative to the path → bytes."""
        if self.path.is_dir():
            found = sorted(self.path.rglob("*.png"))
            return {str(p.relative_to(self.path)): p.stat().st_size for p in found}
        if not self.path.is_file():
            raise DataError(f"there is no {self.path}", hint="--normals DIR, or FILE.zip")
        if self.path.suffix in _UNPACK:
            raise DataError(
                "the archive is packed so that single pictures cannot be read", where=self.path,
                hint=f"unpack it: {_UNPACK[self.path.suffix]} {self.path} -C {self.path.parent}",
            )  # fmt: skip
        entries = self._zip().infolist()
        return {e.filename: e.file_size for e in entries if e.filename.endswith(".png")}

    def _numbered(self, names: Iterable[str], *, masks: bool) -> dict[int, str]:
        """Number from 1 → name, of the masks or of the others."""
        found: dict[int, str] = {}
        for name in names:
            path = PurePosixPath(name)
            if not re.fullmatch(r"[0-9]{4,5}", path.stem) or (path.parent.name == "masks") != masks:
                continue
            number = int(path.stem) + 1 - _FIRST[self.form]
            if number in found:
                raise DataError(
                    f"two pictures of normals have the same number: {found[number]} and {name}",
                    where=self.path, hint="name the folder that holds nothing but normals",
                )  # fmt: skip
            found[number] = name
        return found

    def _zip(self) -> zipfile.ZipFile:
        if self._archive is None:
            try:
                self._archive = zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, OSError) as fault:
                raise DataError(f"this is no sound zip archive: {fault}", where=self.path) from None
        return self._archive

    def _open(self, name: str) -> Image.Image:
        try:
            if self.path.is_dir():
                return decode.open_raw(self.path / name)
            return decode.open_raw(self._content(name))
        except DataError as fault:
            raise DataError(f"damaged normals: {name}, {fault.what}", where=self.path) from fault

    def _content(self, name: str) -> bytes:
        try:
            if self._zip().getinfo(name).file_size > decode.MAX_BYTES:
                raise DataError("it is too large")
            return self._zip().read(name)
        except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, zlib.error) as fault:
            raise DataError(f"damaged in the archive: {fault}") from fault


def _form(names: Iterable[str]) -> Form:
    folders = {PurePosixPath(name).parent.name for name in names}
    if "masks" in folders:
        return "silberman"
    return "ladicky" if folders & {"train", "test"} else "plain"


def from_ladicky(pixels: np.ndarray) -> np.ndarray:
    """B, G, R are the camera's right, down and forward there; ours R, G, B right, forward and up.

    :param pixels: ``[H, W, 3] uint8``; the result too. Down to up is 254 - p in this encoding.
    """
    forward, down, right = (pixels[:, :, k].clip(max=maps.IGNORE - 1) for k in range(3))
    return np.stack((right, forward, (maps.IGNORE - 1) - down), axis=2)


def facing(pixels: np.ndarray) -> float | None:
    """The share of the known pixels whose normal points against their ray; None without any.

    :param pixels: ``[H, W, 3] uint8`` in this program's encoding.
    """
    vectors, known = maps.decode_normals(pixels)
    if not known.any():
        return None
    height, width = known.shape
    right = (np.arange(width) + 0.5 - width / 2) / (_FOCAL * width)
    up = -(np.arange(height) + 0.5 - height / 2)[:, None] / (_FOCAL * width)
    along = vectors[..., 0] * right + vectors[..., 1] + vectors[..., 2] * up
    return float((along[known] < 0).mean())


def require_facing(path: Path, names: Sequence[_Name], read: Callable[[_Name], np.ndarray]) -> None:
    """See on a few pictures that the surfaces face the camera, as all that is seen does.

    :param read: gives ``[H, W, 3] uint8`` in this program's encoding.
    :raises DataError: they do not, so the axes are others.
    """
    shares = []
    for name in names[:: -(-len(names) // _SAMPLE) or 1]:
        try:
            share = facing(read(name))
        except DataError:  # damaged: told of its row when that is made
            continue
        shares += [] if share is None else [share]
    if shares and statistics.median(shares) < _LEAST_FACING:
        raise DataError(
            f"the surface normals have other axes than this form of them: only "
            f"{statistics.median(shares):.0%} of the pixels face the camera", where=path,
            hint="name the archive as it was unpacked, with its folders: normals and masks, or "
            "train and test",
        )  # fmt: skip
