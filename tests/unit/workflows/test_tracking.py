"""TensorBoard: off by default, on when asked, said when missing."""

from pathlib import Path

import pytest

from mtlcli.errors import MissingError
from mtlcli.workflows import tracking
from mtlcli.workflows.tracking import Tracker, require

ROW = {"epoch": 1, "step": 3, "lr": "0.1", "age.mae": "5.5"}


def test_off_writes_nothing(tmp_path: Path) -> None:
    with Tracker(tmp_path, False) as tracker:
        tracker.add(ROW)
    assert not list(tmp_path.iterdir())


def test_missing_is_said_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="tensorboard"):
        require()
    with pytest.raises(MissingError):
        Tracker(tmp_path, True)


def test_on_writes_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with Tracker(tmp_path, True) as tracker:
        tracker.add(ROW)
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"age/mae" in events.read_bytes()
