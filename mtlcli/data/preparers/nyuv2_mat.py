"""``nyu_depth_v2_labeled.mat`` (MATLAB v7.3, which is HDF5), read picture by picture.

MATLAB stores columns first, so that a picture lies there as ``[3, W, H]`` and a map as ``[W, H]``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mtlcli.errors import DataError, MissingError

NAME = "nyu_depth_v2_labeled.mat"
ADDRESS = f"http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/{NAME}"
#: dataset → its number of axes and the kinds of its values.
_PARTS = {
    "images": (4, "u"), "labels": (3, "u"), "depths": (3, "f"), "rawDepths": (3, "f"),
    "scenes": (2, "O"), "names": (2, "O"),
}  # fmt: skip
_MOST = 256 * 2**20  # bytes of chunks that are kept, of one dataset
_SLOTS = 20011  # for them
_V5, _HDF5 = b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n"


class Labelled:
    """The labelled dataset; opened when it is first read, in each process by itself.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._parts: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What goes to a worker process: an open HDF5 file cannot."""
        return {"path": self.path, "_file": None, "_parts": {}}

    def check(self) -> None:
        """Open the file and look whether all is there that is needed.

        :raises MissingError: h5py is not installed.
        :raises DataError: it is no HDF5 file, cut off, or another one.
        """
        for name, (axes, kinds) in _PARTS.items():
            part = self._opened().get(name)
            if getattr(part, "ndim", 0) != axes or part.dtype.kind not in kinds:
                raise self._fault(f"is another HDF5 file: it has no proper dataset {name!r}")
        if self._file["images"].shape[1] != 3:
            raise self._fault("has pictures that are not RGB")
        maps = {self._file[name].shape for name in ("labels", "depths", "rawDepths")}
        count, _, *size = self._file["images"].shape
        if maps != {(count, *size)}:
            raise self._fault("has pictures and labels of different number or size")

    @property
    def count(self) -> int:
        """The number of pictures."""
        return int(self._opened()["images"].shape[0])

    @property
    def classes(self) -> int:
        """The number of its own classes."""
        return int(self._opened()["names"].size)

    def scenes(self) -> list[str]:
        """The scene of each picture.

        :raises DataError: the list is damaged.
        """
        file = self._opened()
        try:
            references = np.asarray(file["scenes"]).ravel()
            names = ["".join(map(chr, np.asarray(file[one]).ravel())) for one in references]
        except (OSError, ValueError, TypeError, LookupError, RuntimeError) as fault:
            raise self._fault(f"has a damaged list of scenes: {fault}") from fault
        if len(names) != self.count:
            raise self._fault(f"names {len(names)} scenes for {self.count} pictures")
        return names

    def picture(self, number: int) -> np.ndarray:
        """``[H, W, 3] uint8``.

        :param number: from 1, as in the official split.
        :raises DataError: it cannot be read.
        """
        return self._read("images", number)

    def labels(self, number: int) -> np.ndarray:
        """Its own classes, ``[H, W] uint16``; 0 is unlabelled. Errors as :meth:`picture`."""
        return self._read("labels", number)

    def depth(self, number: int, *, raw: bool = False) -> np.ndarray:
        """Metres, ``[H, W] float32``: holes filled in, or raw with 0 for them. Errors as above."""
        return self._read("rawDepths" if raw else "depths", number)

    def _read(self, name: str, number: int) -> np.ndarray:
        try:
            values = self._part(name)[number - 1]
        except (OSError, ValueError, RuntimeError) as fault:
            raise DataError(f"damaged in the .mat: {name}, {fault}", where=self.path) from fault
        return np.ascontiguousarray(values.T)

    def _part(self, name: str) -> Any:
        """A dataset that keeps the chunks a picture lies in: one may span parts of many pictures,
        HDF5 keeps 1 MB unless told, and forgets them when a dataset is closed."""
        if name not in self._parts:
            from h5py import Dataset, h5d, h5p

            file = self._opened()
            rows = (file[name].chunks or (1,))[0]
            needed = 5 * rows * (file[name].nbytes // len(file[name])) // 4  # chunks overhang
            access = h5p.create(h5p.DATASET_ACCESS)
            access.set_chunk_cache(_SLOTS, min(needed, _MOST), 1.0)
            self._parts[name] = Dataset(h5d.open(file.id, name.encode(), access))
        return self._parts[name]

    def _opened(self) -> Any:
        if self._file is None:
            self._file = self._open()
        return self._file

    def _open(self) -> Any:
        try:
            import h5py
        except ImportError:
            raise MissingError(
                f"reading {self.path.name} needs h5py", hint="pip install 'mtlcli[nyuv2]'"
            ) from None
        try:
            return h5py.File(self.path, "r")
        except OSError as fault:
            raise self._fault(self._nature(str(fault))) from fault

    def _nature(self, text: str) -> str:
        """What the file is, when it does not open."""
        try:
            with self.path.open("rb") as stream:
                head = stream.read(1024)
        except OSError as fault:
            return f"cannot be read: {fault.strerror}"
        if head.startswith(_V5):
            return "is a MATLAB file of version 5, and the labelled dataset is one of version 7.3"
        if _HDF5 in head:
            size = self.path.stat().st_size / 1e9
            return f"is damaged or cut off after {size:.3f} GB: {text}"
        return "is no MATLAB file of version 7.3 (HDF5)"

    def _fault(self, what: str) -> DataError:
        return DataError(
            f"{self.path.name} {what}", where=self.path,
            hint=f"fetch it anew (2.8 GB): {ADDRESS}",
        )  # fmt: skip
