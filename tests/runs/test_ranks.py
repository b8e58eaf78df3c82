"""Two processes with the same global batch do what one does."""

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.io.run_dir import RunDir

DRIVER = Path(__file__).with_name("ranks_driver.py")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def run_ranks(size: int, folder: Path, *words: object) -> dict[str, Any]:
    """Start the driver on so many ranks; what the first of them wrote."""
    out = folder / f"ranks-{size}.json"
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(DRIVER), str(out), *map(str, words)],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(size)
    ]  # fmt: skip
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_ranks_equal_one(tmp_path: Path, accumulate: int) -> None:
    one, two = (run_ranks(size, tmp_path, accumulate) for size in (1, 2))
    assert one["weights"].keys() == two["weights"].keys()
    for name, values in one["weights"].items():
        assert two["weights"][name] == pytest.approx(values, abs=1e-5), name
    for expected, found in zip(one["losses"], two["losses"], strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert [list(losses) for losses in two["losses"]] == [
        ["gender", "age"],
        ["gender", "age"],
        ["age"],
    ]
    assert two["stopped"] == [True, False]
    assert two["scores"]["counts"] == one["scores"]["counts"] == {"gender": 8, "age": 7}
    assert two["scores"]["losses"] == pytest.approx(one["scores"]["losses"], rel=1e-4)
    for task, metrics in one["scores"]["metrics"].items():
        assert two["scores"]["metrics"][task] == pytest.approx(metrics, abs=0.02), task
    assert two["scores"]["bad"] == 2


@pytest.mark.slow
def test_the_command_under_torchrun_trains_as_alone(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any],
    workdir: Path,
) -> None:  # fmt: skip
    values = recipe("gender", train__sync_bn=True, train__epochs=2, train__lr=0.001)
    path = recipe_file(values)
    words = ["train-single", str(path), "--device", "cpu", "-o", "both", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--master-port", str(free_port()), "-m", "mtlcli", *words],
        cwd=workdir, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checkpoint"] == "both.st"  # one document: of one rank
    assert mtl("train-single", path, "--device", "cpu").code == 0
    both, alone = (RunDir(workdir / "runs" / f"small-00{i}") for i in (1, 2))
    assert both.status()["state"] == "done"
    for one, two in zip(alone.read_metrics(), both.read_metrics(), strict=True):
        for name, value in one.items():
            assert math.isclose(float(value), float(two[name]), rel_tol=1e-3, abs_tol=1e-5), name
    assert mtl("eval", "both", "--device", "cpu").code == 0
