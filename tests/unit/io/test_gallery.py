"""A gallery comes back as it was; what is none is told apart."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mtlcli.errors import DataError, MissingError
from mtlcli.io.gallery import Gallery, load, save


def _gallery() -> Gallery:
    return Gallery(
        torch.eye(3)[:2], ["ann", "bób"], ["a.jpg", "b.jpg"],
        {"name": "reid", "path": "reid.st", "sha256": "ab" * 32}, "identity", 0.25,
        {"by": "given", "genuine": 0},
    )  # fmt: skip


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    made, path = _gallery(), tmp_path / "gallery.st"
    save(path, made)
    back = load(path)
    assert torch.equal(back.embeddings, made.embeddings)
    rest = [{k: v for k, v in vars(g).items() if k != "embeddings"} for g in (back, made)]
    assert rest[0] == rest[1]
    assert back.identities == ["ann", "bób"]
    first = path.read_bytes()
    save(path, made)
    assert path.read_bytes() == first


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no gallery"):
        load(tmp_path / "gallery.st")


@pytest.mark.parametrize("size", [0, 7, 60, -4])
def test_cut_short_or_of_another_kind(tmp_path: Path, size: int) -> None:
    path = tmp_path / "gallery.st"
    save(path, _gallery())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match="no gallery, or is damaged"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "said"), [({"mtl": "{}"}, "checkpoint"), ({}, "no names"), (None, "no names")]
)
def test_tensors_that_are_no_gallery(
    tmp_path: Path, metadata: dict[str, str] | None, said: str
) -> None:
    path = tmp_path / "gallery.st"
    save_file({"x": torch.zeros(2)}, path, metadata)
    with pytest.raises(DataError, match="is no gallery") as caught:
        load(path)
    assert said in str(caught.value.where)


@pytest.mark.parametrize("names", [[], ["ann"], ["ann", "bob", "cid"]])
def test_other_numbers_of_names(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "gallery.st"
    save(path, replace(_gallery(), names=names))
    with pytest.raises(DataError, match="names for embeddings"):
        load(path)
