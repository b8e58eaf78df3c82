"""NYUv2's raw files in their official structure, small; faces, and what was made of them."""

import csv
import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 24, 32
COUNT = 13
#: scene of each picture; those of the official split's first pictures are never mixed.
SCENES = [1, 1, 2, 2, 4, 6, 8, 10, 5, 3, 7, 7, 9]
#: 1-based, as the official ones begin.
TRAIN, TEST = [3, 4, 5, 6, 7, 8, 10, 11, 12, 13], [1, 2, 9]
KINDS = ("kitchen", "bedroom")


@dataclass(frozen=True)
class Raw:
    """A folder of raw files.

    :param classes: own classes of the labelled dataset.
    """

    root: Path
    classes: int

    @property
    def mat(self) -> Path:
        return self.root / "nyu_depth_v2_labeled.mat"

    def array(self, name: str) -> np.ndarray:
        """A whole dataset, row by row as pictures are seen: axes in their natural order."""
        h5py = pytest.importorskip("h5py")
        with h5py.File(self.mat) as file:
            values = np.asarray(file[name])
        return (
            np.moveaxis(values, 1, -1).swapaxes(1, 2) if values.ndim == 4 else values.swapaxes(1, 2)
        )

    def mat_file(self, name: str) -> Any:
        return pytest.importorskip("scipy.io").loadmat(self.root / name)


def cells(texts: list[str]) -> np.ndarray:
    """A MATLAB cell array of texts, for savemat."""
    made = np.empty((1, len(texts)), object)
    made[0] = texts
    return made


def invent_maps(root: Path) -> None:
    """A split and maps of 6 own classes to 3 and to 2, in the form of the real files."""
    savemat = pytest.importorskip("scipy.io").savemat
    numbers = {
        "trainNdxs": np.array([TRAIN], np.uint16).T,
        "testNdxs": np.array([TEST], np.uint16).T,
    }
    savemat(root / "splits.mat", numbers)
    maps = {
        "mapClass": np.array([[3, 1, 2, 2, 3, 1]], np.uint8),
        "className": cells(["wall", "bed", "box"]),
    }
    savemat(root / "classMapping40.mat", maps)
    narrow = {"labels13": np.array([[2, 1, 1]], np.uint8), "classNames": cells(["things", "wall"])}
    savemat(root / "class13Mapping.mat", {"classMapping13": narrow})


def write_mat(path: Path, classes: int, *, seed: int = 0) -> None:
    """The labelled dataset: columns first, texts behind references, MATLAB's user block."""
    h5py = pytest.importorskip("h5py")
    draw = np.random.default_rng(seed)
    shape = (COUNT, WIDTH, HEIGHT)
    depths = draw.uniform(0.7, 9.9, shape).astype(np.float32)
    labels = draw.integers(0, classes + 1, shape, np.uint16)
    labels[:, :2] = 0
    arrays = {
        "images": draw.integers(0, 256, (COUNT, 3, WIDTH, HEIGHT), np.uint8),
        "depths": depths,
        "rawDepths": np.where(draw.random(shape) < 0.2, 0, depths).astype(np.float32),
        "labels": labels,
        "instances": draw.integers(0, 9, shape, np.uint8),
        "accelData": draw.random((4, COUNT)).astype(np.float32),
    }  # fmt: skip
    scenes = [f"{KINDS[k % 2]}_{k:04d}" for k in SCENES]
    texts = {
        "scenes": scenes, "sceneTypes": [one.split("_")[0] for one in scenes],
        "names": [f"class {k}" for k in range(1, classes + 1)],
        "rawDepthFilenames": [f"{one}/d-1294851097.pgm" for one in scenes],
    }  # fmt: skip
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            chunks = (min(4, len(values)), *values.shape[1:])
            file.create_dataset(name, data=values, chunks=chunks, compression="gzip")
        for name, words in texts.items():
            _write_texts(h5py, file, name, words)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\x02IM")


def _write_texts(h5py: Any, file: Any, name: str, words: list[str]) -> None:
    held = file.require_group("#refs#")
    references = np.empty((1, len(words)), h5py.ref_dtype)
    for k, word in enumerate(words):
        letters = np.array([[ord(letter)] for letter in word], np.uint16)
        references[0, k] = held.create_dataset(f"{name}{k}", data=letters).ref
    file.create_dataset(name, data=references)


def floor_and_wall(seed: int) -> np.ndarray:
    """Normals in this program's encoding: a wall to the upper left, a floor below it."""
    draw = np.random.default_rng(seed)
    vectors = np.empty((HEIGHT, WIDTH, 3))
    vectors[:] = 0.3, -0.9, 0.1
    vectors[HEIGHT * 2 // 3 :] = 0.05, -0.1, 0.95
    vectors += draw.normal(0, 0.02, vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.floor(127.5 * (vectors + 1)).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def face() -> Callable[..., Path]:
    """Draws a face of one colour on grey, another for every name; gives its path back."""

    def draw(path: Path, size: tuple[int, int] = (40, 32)) -> Path:
        noise = np.random.default_rng(len(path.name)).integers(0, 50, (size[1], size[0], 3))
        rows, across = np.mgrid[: size[1], : size[0]]
        inside = (across - size[0] / 2) ** 2 + (rows - size[1] / 2) ** 2 < (min(size) / 2.5) ** 2
        write_png(path, (noise + 90 + 110 * inside[..., None]).astype(np.uint8))
        return path

    return draw


@dataclass(frozen=True)
class Folder:
    """A dataset folder that `mtl prepare` made."""

    path: Path
    report: Any

    def lines(self, split: str) -> list[str]:
        """The CSV of a split, without its header."""
        return (self.path / f"{split}.csv").read_text(encoding="utf-8").splitlines()[1:]

    def every(self) -> list[str]:
        """All rows of all splits, sorted."""
        return sorted(line for split in self.report.rows for line in self.lines(split))

    def bad(self) -> dict[str, str]:
        """What was left out → why."""
        with (self.path / "bad.csv").open(encoding="utf-8", newline="") as stream:
            return {row["image"]: row["reason"] for row in csv.DictReader(stream)}


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Folder]:
    """Runs `mtl prepare NAME` on a folder of raw files, whole."""

    def run(name: str, root: Path, out: str = "made", **options: Any) -> Folder:
        from mtlcli.workflows.prepare import prepare

        report = prepare(name, root, tmp_path / out, options=options, workers=1)
        return Folder(tmp_path / out, report)

    return run


@pytest.fixture
def invented(tmp_path: Path) -> Raw:
    """Raw files of 6 classes."""
    root = tmp_path / "raw"
    root.mkdir()
    invent_maps(root)
    write_mat(root / "nyu_depth_v2_labeled.mat", 6)
    return Raw(root, 6)


@pytest.fixture
def real(tmp_path: Path, shared_data: Path) -> Raw:
    """Invented pictures with the real split and maps."""
    root = tmp_path / "raw"
    shutil.copytree(shared_data / "nyuv2_meta", root)
    write_mat(root / "nyu_depth_v2_labeled.mat", 894)
    return Raw(root, 894)


@pytest.fixture(params=["invented", "real"])
def nyuv2(request: pytest.FixtureRequest) -> Raw:
    """Both."""
    raw: Raw = request.getfixturevalue(request.param)
    return raw


@pytest.fixture
def normals_of() -> Callable[[Path, str], None]:
    """Writes the normals of all pictures but the last, in one of the three forms."""

    def write(path: Path, form: str) -> None:
        for number in range(1, COUNT):
            pixels = floor_and_wall(number)
            if form == "silberman":
                write_png(path / "normals" / f"{number - 1:04d}.png", pixels)
                mask = np.ones((HEIGHT, WIDTH), np.uint8)
                mask[:, :3] = 0
                write_png(path / "masks" / f"{number - 1:04d}.png", mask)
            elif form == "plain":
                write_png(path / f"{number:04d}.png", pixels)
            else:
                split = "test" if number in TEST else "train"
                right, forward, up = (pixels[:, :, k] for k in range(3))
                theirs = np.stack((forward, 254 - up, right), axis=2)
                write_png(path / split / f"{number:05d}.png", theirs)

    return write


@pytest.fixture
def zipped() -> Callable[[Path], Path]:
    """Packs a folder into a zip archive beside it."""

    def pack(folder: Path) -> Path:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(folder.rglob("*.png")):
                archive.write(path, path.relative_to(folder.parent))
        target = folder.with_suffix(".zip")
        target.write_bytes(content.getvalue())
        return target

    return pack
