"""What a run notes of its machine, and how many workers fit."""

import json
from pathlib import Path

import pytest
import torch

from mtlcli.data import manifest
from mtlcli.engine.distributed import World
from mtlcli.workflows import environment

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("device", "cores", "ranks", "expected"),
    [(CPU, 1, 1, 0), (CPU, 2, 1, 1), (CPU, 64, 1, 2), (CPU, 4, 4, 0), (GPU, 64, 1, 8),
     (GPU, 2, 1, 2), (GPU, 1, 4, 1), (GPU, 16, 4, 4)],
)  # fmt: skip
def test_workers_fit_the_cores(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, cores: int, ranks: int, expected: int
) -> None:
    monkeypatch.setattr(environment, "cores", lambda: cores)
    assert environment.workers(None, World(device, 0, ranks)) == expected
    assert environment.workers(5, World(device, 0, ranks)) == 5
    assert environment.workers(0, World(device, 0, ranks)) == 0


def test_the_note_is_plain_and_names_the_data_by_their_hash(tiny: Path) -> None:
    note = environment.describe(World(CPU), "fp32", [manifest.load(tiny)])
    assert json.loads(json.dumps(note)) == note
    assert note["data"] == {
        str(tiny): {name: split.sha256 for name, split in manifest.load(tiny).splits.items()}
    }
    assert torch.__version__.startswith(note["versions"]["torch"])  # type: ignore[index]


def test_packages_that_are_not_there_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    assert "no-such-package" not in environment.versions()
    assert environment.cores() >= 1
