"""NYUv2 from the official structure to a dataset folder: equal to a direct reading of the file."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import manifest, maps
from mtlcli.data.preparers.boundaries import boundaries
from mtlcli.data.preparers.nyuv2 import Nyuv2
from mtlcli.workflows.prepare import prepare
from mtlcli.workflows.prepare_report import Report

pytest.importorskip("h5py")
pytest.importorskip("scipy")

TRAIN, TEST = {3, 4, 5, 6, 7, 8, 10, 11, 12, 13}, {1, 2, 9}
Row = dict[str, str]


def _run(root: Path, out: Path, **options: Any) -> Report:
    workers = options.pop("workers", 1)
    return prepare("nyuv2", root, out, options=options, workers=workers)


def _rows(folder: Path) -> dict[int, Row]:
    """Number of a picture → its row, with its split."""
    made = manifest.load(folder)
    frames = {split: made.read(split).to_dict("records") for split in made.splits}
    return {
        int(Path(str(r["image"])).stem): {**r, "split": s} for s, f in frames.items() for r in f
    }


def _picture(folder: Path, row: Row, column: str) -> np.ndarray:
    with Image.open(folder / row[column]) as image:
        return np.asarray(image)


def _histogram(values: np.ndarray, size: int = 256) -> np.ndarray:
    return np.bincount(values.ravel(), minlength=size)


@pytest.mark.parametrize("classes", ["40", "13"])
def test_the_histogram_of_the_classes_is_that_of_a_direct_reading(
    nyuv2: Any, tmp_path: Path, classes: str
) -> None:
    own = _histogram(nyuv2.array("labels"), 1 + nyuv2.classes)
    map_40 = nyuv2.mat_file("classMapping40.mat")
    target = [0, *map_40["mapClass"][0]]
    names = [str(name[0]) for name in map_40["className"][0]]
    if classes == "13":
        narrow = nyuv2.mat_file("class13Mapping.mat")["classMapping13"][0, 0]
        labels13 = [0, *narrow["labels13"][0]]
        target = [labels13[one] for one in target]
        names = [str(name[0]) for name in narrow["classNames"][0]]
    wanted: dict[int, int] = defaultdict(int)
    for one, count in enumerate(own):
        wanted[255 if target[one] == 0 else int(target[one]) - 1] += int(count)

    _run(nyuv2.root, tmp_path / "made", classes=classes)
    rows = _rows(tmp_path / "made")
    found = sum(_histogram(_picture(tmp_path / "made", row, "seg")) for row in rows.values())
    assert {k: int(n) for k, n in enumerate(np.asarray(found)) if n} == {
        k: n for k, n in sorted(wanted.items()) if n
    }
    column = manifest.load(tmp_path / "made").columns["seg"]
    assert column.classes == tuple(names)
    assert wanted[255] == own[0] > 0


def test_every_pixel_is_that_of_the_file(invented: Any, tmp_path: Path) -> None:
    made = tmp_path / "made"
    _run(invented.root, made)
    images, depths = invented.array("images"), invented.array("depths")
    columns = manifest.load(made).columns
    assert set(columns) == {"seg", "depth", "boundary"}
    for number, row in _rows(made).items():
        assert row["image"] == f"images/{number:04d}.png"
        np.testing.assert_array_equal(_picture(made, row, "image"), images[number - 1])
        millimetres = _picture(made, row, "depth").astype(float)
        np.testing.assert_allclose(millimetres, depths[number - 1] * 1000.0, atol=0.501)
        assert _picture(made, row, "depth").dtype == np.uint16
        labels = maps.read_map(made / row["seg"], columns["seg"])
        edges = maps.read_map(made / row["boundary"], columns["boundary"])
        np.testing.assert_array_equal(edges, boundaries(labels, 255))
        for name, column in columns.items():
            assert (
                maps.check_map(made / row[name], column, (images.shape[2], images.shape[1])) is None
            )


def test_raw_depth_keeps_its_holes(invented: Any, tmp_path: Path) -> None:
    made = tmp_path / "made"
    _run(invented.root, made, depth="raw")
    raw = invented.array("rawDepths")
    for number, row in _rows(made).items():
        known = _picture(made, row, "depth") > 0
        np.testing.assert_array_equal(known, raw[number - 1] > 0)
    assert not known.all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_val_is_cut_from_the_training_scenes_and_shares_none(
    nyuv2: Any, tmp_path: Path, seed: int
) -> None:
    prepare("nyuv2", nyuv2.root, tmp_path / "made", options={}, workers=1, seed=seed)
    rows = _rows(tmp_path / "made")
    of = {s: {n for n, r in rows.items() if r["split"] == s} for s in ("train", "val", "test")}
    assert of["test"] == TEST
    assert of["train"] | of["val"] == TRAIN
    assert of["train"]
    assert of["val"]
    scenes = {split: {rows[n]["group"] for n in numbers} for split, numbers in of.items()}
    assert not scenes["train"] & scenes["val"]
    assert not scenes["test"] & (scenes["train"] | scenes["val"])
    assert rows[1]["group"] == "bedroom_0001"


def test_another_seed_cuts_other_scenes(invented: Any, tmp_path: Path) -> None:
    preparer = Nyuv2(invented.root, tmp_path / "made")
    items = preparer.scan().items
    cuts = {tuple(preparer.split(items, seed)) for seed in range(8)}
    assert len(cuts) > 1


@pytest.mark.parametrize("form", ["silberman", "ladicky", "plain"])
def test_normals_of_every_form_become_the_same(
    invented: Any, tmp_path: Path, normals_of: Callable[[Path, str], None], form: str
) -> None:
    made, given = tmp_path / "made", tmp_path / "given"
    normals_of(given, form)
    normals_of(tmp_path / "plain", "plain")
    _run(invented.root, made, normals=given)
    raw = invented.array("rawDepths")
    rows = _rows(made)
    assert [n for n, row in sorted(rows.items()) if not row["normals"]] == [13]
    for number in sorted(rows.keys() - {13}):
        found = _picture(made, rows[number], "normals")
        wanted = np.asarray(Image.open(tmp_path / "plain" / f"{number:04d}.png")).copy()
        if form == "silberman":
            wanted[:, :3] = 255
        elif form == "ladicky":
            wanted[raw[number - 1] == 0] = 255
        np.testing.assert_array_equal(found, wanted)
    assert manifest.load(made).columns["normals"].encoding == "normals"


def test_normals_are_found_in_the_root_and_in_a_zip(
    invented: Any,
    tmp_path: Path,
    normals_of: Callable[[Path, str], None],
    zipped: Callable[[Path], Path],
) -> None:
    normals_of(invented.root / "nyu_normals_gt", "ladicky")
    _run(invented.root, tmp_path / "folder")
    archive = zipped(invented.root / "nyu_normals_gt")
    _run(invented.root, tmp_path / "zip", normals=archive)
    rows = _rows(tmp_path / "folder"), _rows(tmp_path / "zip")
    assert rows[0] == rows[1]
    for number in range(1, 13):
        one, two = (
            _picture(tmp_path / name, own[number], "normals")
            for name, own in zip(("folder", "zip"), rows, strict=True)
        )
        np.testing.assert_array_equal(one, two)


def test_without_normals_there_is_no_column_and_it_is_said(
    invented: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _run(invented.root, tmp_path / "made")
    assert "no surface normals" in capsys.readouterr().err
    assert set(report.labels) == {"seg", "depth", "boundary"}


def test_done_twice_does_nothing_twice_and_other_options_spoil_nothing(
    invented: Any, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    _run(invented.root, made)
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*.png")}
    assert _run(invented.root, made).state == "already there"
    labels = [path for path in times if path.parent.name.startswith("seg")]
    _run(invented.root, made, classes="13")
    assert {path: path.stat().st_mtime_ns for path in labels} == {p: times[p] for p in labels}
    assert len(manifest.load(made).columns["seg"].classes) == 2


@pytest.mark.parametrize("changed", ["map", "normals"])
def test_what_changed_beside_the_mat_is_made_anew(
    invented: Any, tmp_path: Path, normals_of: Callable[[Path, str], None], changed: str
) -> None:
    normals_of(invented.root / "normals_gt", "silberman")
    _run(invented.root, tmp_path / "made")
    if changed == "map":
        content = invented.mat_file("classMapping40.mat")
        content["mapClass"][0, 0] = 1
        names = ("mapClass", "className")
        savemat = pytest.importorskip("scipy.io").savemat
        savemat(invented.root / "classMapping40.mat", {name: content[name] for name in names})
    else:
        (invented.root / "normals_gt/normals/0004.png").unlink()
    assert _run(invented.root, tmp_path / "made").state == "made"


def test_worker_processes_make_the_same(
    invented: Any, tmp_path: Path, normals_of: Callable[[Path, str], None],
    zipped: Callable[[Path], Path],
) -> None:  # fmt: skip
    normals_of(tmp_path / "nyu_normals_gt", "ladicky")
    archive = zipped(tmp_path / "nyu_normals_gt")
    _run(invented.root, tmp_path / "one", normals=archive)
    _run(invented.root, tmp_path / "two", normals=archive, workers=2)
    made = (tmp_path / "one").rglob("*.*")
    files = [p.relative_to(tmp_path / "one") for p in made if p.suffix in (".png", ".csv")]
    assert len(files) == 13 * 4 + 12 + 4
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def _spoil_chunk(path: Path, dataset: str, row: int) -> None:
    import h5py

    with h5py.File(path) as file:
        part = file[dataset]
        place = part.id.get_chunk_info_by_coord((row, *[0] * (part.ndim - 1)))
        offset = place.byte_offset + file.userblock_size
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * 64)


def test_a_damaged_picture_is_named_and_the_rest_is_made(invented: Any, tmp_path: Path) -> None:
    _spoil_chunk(invented.mat, "images", 4)
    report = _run(invented.root, tmp_path / "made")
    assert sum(report.rows.values()) == 13 - 4  # a chunk holds four
    assert list(report.bad) == ["damaged in the .mat"]
    assert not {5, 6, 7, 8} & _rows(tmp_path / "made").keys()


def test_a_class_beyond_the_map_is_named(invented: Any, tmp_path: Path) -> None:
    import h5py

    with h5py.File(invented.mat, "r+") as file:
        file["labels"][2, 5, 5] = 7
    report = _run(invented.root, tmp_path / "made")
    assert report.bad == {"a class that the map does not know": 1}
