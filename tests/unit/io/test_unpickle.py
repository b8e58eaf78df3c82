"""Nothing in a file is run, and odd files end with one error and no warning."""

import os

import pytest
import torch

from mtlcli.errors import DataError
from mtlcli.io import unpickle


class Bomb:
    """Makes a folder when unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


class Settings:
    """A harmless class of some other program."""


class StandIn:
    """What is built in its place."""


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused_in_both_formats(tmp_path, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save(Bomb(str(tmp_path / "run")), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="nothing in it is executed"):
        unpickle.load(path)
    assert not (tmp_path / "run").exists()


def test_tensors_and_plain_values_come_through(tmp_path) -> None:
    held = {"a": torch.arange(3), "b": [1, "two", None, (3.0, True)]}
    torch.save(held, tmp_path / "w.pth")
    found = unpickle.load(tmp_path / "w.pth")
    torch.testing.assert_close(found["a"], held["a"])
    assert found["b"] == held["b"]


def test_a_class_is_met_by_its_stand_in_alone_and_only_this_once(tmp_path) -> None:
    path = tmp_path / "w.pth"
    torch.save(Settings(), path)
    name = f"{Settings.__module__}.Settings"
    assert type(unpickle.load(path, [(StandIn, name)])) is StandIn
    with pytest.raises(DataError):
        unpickle.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rest", b"\x80nonsense" * 9, b"\x80\x02."])
def test_damaged_files_are_refused_without_a_warning(tmp_path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        unpickle.load(tmp_path / "w.pth")
