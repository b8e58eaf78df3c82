"""A run has one holder at a time."""

from pathlib import Path

import pytest

from mtlcli.errors import UsageError
from mtlcli.io.run_dir import RunDir
from mtlcli.workflows.run_lock import held


def test_a_held_run_is_refused_and_free_again_after(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    for _ in range(2):
        with held(run), pytest.raises(UsageError, match="another process") as refused, held(run):
            pass
        assert str(tmp_path) in str(refused.value)


def test_a_fault_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), held(RunDir(tmp_path)):
        raise RuntimeError
    with held(RunDir(tmp_path)):
        pass


def test_runs_are_held_apart(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with held(RunDir(tmp_path / "a")), held(RunDir(tmp_path / "b")):
        pass
