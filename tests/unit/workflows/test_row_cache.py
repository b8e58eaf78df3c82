"""Kept rows come back as they were, for the same network and the same rows only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.data import manifest
from mtlcli.engine.row_scores import RowScores, RowSums
from mtlcli.io import checkpoint
from mtlcli.workflows import compare, compare_runs, row_cache

Parents = dict[str, Path]


def scores() -> dict[str, RowScores]:
    return {
        "age": RowScores(
            torch.arange(3),
            {
                "sums": RowSums(
                    torch.tensor([0, 2]), torch.tensor([4, 0]),
                    torch.rand(2, dtype=torch.float64), torch.Size([5]),
                )
            },
        )
    }  # fmt: skip


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    made = scores()
    row_cache.write(tmp_path / "best.st", "test", "key", made)
    found = row_cache.read(tmp_path / "best.st", "test", "key")
    assert found is not None
    one, two = found["age"], made["age"]
    assert torch.equal(one.index, two.index)
    ours, theirs = one.states["sums"], two.states["sums"]
    assert torch.equal(ours.row, theirs.row) and torch.equal(ours.place, theirs.place)
    assert torch.equal(ours.value, theirs.value) and ours.shape == theirs.shape
    assert row_cache.place(tmp_path / "best.st", "test").name == "best-test.rows"


def test_another_key_split_or_damage_is_no_score(tmp_path: Path) -> None:
    path = tmp_path / "best.st"
    row_cache.write(path, "test", "key", scores())
    assert row_cache.read(path, "test", "other") is None
    assert row_cache.read(path, "val", "key") is None
    row_cache.place(path, "test").write_bytes(b"broken")
    assert row_cache.read(path, "test", "key") is None


def test_the_key_follows_network_rows_and_way(parents: Parents, tiny_copy: Path) -> None:
    header, other = (checkpoint.read_header(parents[name]) for name in ("age", "gender"))
    data = [manifest.load(tiny_copy)]
    first = row_cache.key(header, data, "test", ["cpu"])
    assert first == row_cache.key(header, data, "test", ["cpu"])
    with (tiny_copy / "test.csv").open("a", encoding="utf-8") as stream:
        stream.write("images/00.jpg,male,5\n")
    keys = {
        first,
        row_cache.key(header, data, "test", ["cpu"]),
        row_cache.key(header, data, "val", ["cpu"]),
        row_cache.key(header, data, "test", ["cuda"]),
        row_cache.key(other, data, "test", ["cpu"]),
        row_cache.key({**header, "margin": 0.3}, data, "test", ["cpu"]),
    }
    assert len(keys) == 6


def test_a_second_measure_reads_and_a_changed_one_scores(
    parents: Parents, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tensors, header = checkpoint.load(parents["age"])
    path = tmp_path / "age.st"
    checkpoint.save(path, tensors, header)
    calls: list[Any] = []
    score: Callable[..., Any] = compare._score
    monkeypatch.setattr(compare, "_score", lambda *a: (calls.append(a), score(*a))[1])
    once = torch.ones(8, dtype=torch.float64)
    nets = [compare.measure(compare_runs.read(path), "test", "cpu") for _ in range(2)]
    assert len(calls) == 1 and nets[0].groups == nets[1].groups
    assert nets[0].metrics(once) == nets[1].metrics(once)
    name = next(n for n in tensors if n.endswith("last.bias"))
    tensors[name] = tensors[name] + torch.linspace(0, 3, len(tensors[name]))
    checkpoint.save(path, tensors, header)
    assert compare.measure(compare_runs.read(path), "test", "cpu").metrics(once) != nets[0].metrics(
        once
    )
    assert len(calls) == 2
