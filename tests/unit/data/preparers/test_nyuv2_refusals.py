"""Raw files of NYUv2 that are others, damaged or missing: each is named, with what to do."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.errors import DataError, MissingError, MtlError, UsageError
from mtlcli.workflows.prepare import prepare
from mtlcli.workflows.prepare_report import Report

pytest.importorskip("h5py")
pytest.importorskip("scipy")


def _run(root: Path, out: Path, **options: Any) -> Report:
    return prepare("nyuv2", root, out, options=options, workers=1)


def _drop(name: str) -> Callable[[Any], None]:
    def change(raw: Any) -> None:
        import h5py

        with h5py.File(raw.mat, "r+") as file:
            del file[name]

    return change


def _replace(name: str, values: Any) -> Callable[[Any], None]:
    def change(raw: Any) -> None:
        import h5py

        with h5py.File(raw.mat, "r+") as file:
            del file[name]
            file[name] = values

    return change


def _cut(raw: Any) -> None:
    raw.mat.write_bytes(raw.mat.read_bytes()[:9000])


def _version_5(raw: Any) -> None:
    pytest.importorskip("scipy.io").savemat(raw.mat, {"images": np.zeros((3, 3))})


def _unlink(name: str) -> Callable[[Any], None]:
    return lambda raw: (raw.root / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Any], None]:
    return lambda raw: (raw.root / name).write_bytes(content)


def _other_map(raw: Any) -> None:
    content = {"mapClass": np.ones((1, 9), np.uint8), "className": raw.mat_file(
        "classMapping40.mat")["className"]}  # fmt: skip
    pytest.importorskip("scipy.io").savemat(raw.root / "classMapping40.mat", content)


MAT = "nyu_depth_v2_labeled.mat"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "is damaged or cut off"),
        (_version_5, "version 5"),
        (_write(MAT, b"<html>not found</html>"), "is no MATLAB file of version 7.3"),
        (_write(MAT, b""), "is no MATLAB file of version 7.3"),
        (_drop("labels"), "no proper dataset 'labels'"),
        (_drop("scenes"), "no proper dataset 'scenes'"),
        (_replace("labels", np.zeros((13, 32, 24))), "no proper dataset 'labels'"),
        (_replace("labels", np.zeros((13, 24, 32), np.uint16)), "different number or size"),
        (_replace("images", np.zeros((13, 1, 32, 24), np.uint8)), "not RGB"),
        (_other_map, "do not belong together"),
        (_unlink("splits.mat"), "splits.mat is missing"),
        (_unlink("classMapping40.mat"), "classMapping40.mat is missing"),
        (_write("splits.mat", b"x" * 200), "splits.mat cannot be read"),
    ],
)
def test_a_wrong_file_is_named_with_what_to_do(
    invented: Any, tmp_path: Path, spoil: Callable[[Any], None], words: str
) -> None:
    spoil(invented)
    with pytest.raises(DataError, match=words) as fault:
        _run(invented.root, tmp_path / "made")
    assert fault.value.where
    if "nyu_depth_v2_labeled" in fault.value.what:
        assert "2.8 GB" in str(fault.value)
        assert "http://horatio.cs.nyu.edu/" in str(fault.value)
    assert not (tmp_path / "made").exists()


def test_an_empty_folder_is_told_all_that_is_needed(tmp_path: Path) -> None:
    for root in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError) as fault:
            prepare("nyuv2", root, tmp_path / "made", options={})
        for word in ("2.8 GB", "http://horatio", "splits.mat", "normals_gt", "licence", "seg"):
            assert word in str(fault.value)


@pytest.mark.parametrize("package", ["h5py", "scipy"])
def test_a_missing_package_is_named_with_its_extra(
    invented: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if package == "scipy":
        monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingError, match=package) as fault:
        _run(invented.root, tmp_path / "made")
    assert fault.value.hint == "pip install 'mtlcli[nyuv2]'"


@pytest.mark.parametrize(
    ("options", "error"),
    [({"classes": "894"}, UsageError), ({"normals": Path("nowhere")}, DataError)],
)
def test_options_that_cannot_be_followed(
    invented: Any, tmp_path: Path, options: dict[str, Any], error: type[MtlError]
) -> None:
    with pytest.raises(error):
        _run(invented.root, tmp_path / "made", **options)
