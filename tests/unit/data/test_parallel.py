"""Rows are made in their order, with one process or with several; a dead worker is explained."""

import importlib
import os
from pathlib import Path

import pytest

from mtlcli.data.parallel import make_all
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.portraits import Portraits
from mtlcli.errors import DataError
from mtlcli.io.column import Column


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_the_order_of_the_rows(tmp_path: Path, workers: int) -> None:
    made = Portraits(None, tmp_path, count=70, size=16)
    rows = list(enumerate(made.scan().items))[::-1]
    outcomes = [done for chunk in make_all(made, rows, workers) for done in chunk]
    assert outcomes == rows
    assert len(list(tmp_path.rglob("*.png"))) == 70


def test_no_rows_need_no_worker(tmp_path: Path) -> None:
    assert list(make_all(Portraits(None, tmp_path), [], 2)) == []


class _Fatal(Preparer):
    title = "dies"

    def columns(self) -> dict[str, Column]:
        return {}

    def scan(self) -> Scan:
        return Scan()

    def make(self, item: Item) -> Item | Bad:
        os._exit(3)


def test_a_dead_worker_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    module = importlib.import_module(Path(__file__).stem)  # by a name that the workers can import
    rows = [(k, Item("x", {})) for k in range(3)]
    with pytest.raises(DataError, match="--workers 1"):
        list(make_all(module._Fatal(None, tmp_path), rows, 2))
