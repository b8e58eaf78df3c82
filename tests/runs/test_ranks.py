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
import torch
from safetensors.torch import load_file

from mtlcli import catalog
from mtlcli.io.run_dir import RunDir

DRIVER = Path(__file__).with_name("ranks_driver.py")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start_ranks(size: int, out: Path) -> "list[subprocess.Popen[str]]":
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    return [
        subprocess.Popen(
            [sys.executable, str(DRIVER), str(out)],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(size)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the driver wrote on one rank and on two."""
    folder = tmp_path_factory.mktemp("ranks")
    made = [folder / "one.json", folder / "two.json"]
    for process in start_ranks(1, made[0]) + start_ranks(2, made[1]):
        _, error = process.communicate(timeout=900)
        assert process.returncode == 0, error
    return made


@pytest.fixture
def found(paths: list[Path]) -> list[Any]:
    return [json.loads(path.read_text()) for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", ["1", "2"])
def test_two_ranks_train_as_one(paths: list[Path], found: list[Any], accumulate: str) -> None:
    """Also where a task has labels on one rank only, or on none."""
    one, two = (load_file(path.with_suffix(f".{accumulate}.st")) for path in paths)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, two[name], rtol=0, atol=1e-6), name
    for expected, losses in zip(found[0][accumulate], found[1][accumulate], strict=True):
        assert losses == pytest.approx(expected, rel=1e-5)
    assert [len(losses) for losses in found[1][accumulate]] == [2, 2, 1]


@pytest.mark.slow
def test_two_ranks_balance_as_one_whatever_the_method(found: list[Any]) -> None:
    """Also where a task has labels on one rank only, or on none."""
    one, two = (result["balanced"] for result in found)
    assert one.keys() == two.keys() and len(one) > 30
    for method, values in one.items():
        assert two[method] == pytest.approx(values, rel=1e-4, abs=1e-6), method


@pytest.mark.slow
def test_penalties_on_weights_count_once_over_ranks_and_parts(found: list[Any]) -> None:
    one, two = (result["regularised"] for result in found)
    assert one.keys() == two.keys() and len(one) == 4
    for way, values in one.items():
        assert two[way] == pytest.approx(values, rel=1e-6, abs=1e-9), way
    assert one["sum/parameters/1"] == pytest.approx(one["sum/parameters/2"], rel=1e-6, abs=1e-9)
    assert one["mgda/parameters/2"] != pytest.approx(one["sum/parameters/2"], rel=1e-6, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["alone", "unlabelled"])
def test_what_an_aggregator_does_not_see_is_still_summed_over_ranks(
    found: list[Any], what: str
) -> None:
    """A recipe's aggregator, and a network of one task, or a batch without any label."""
    one, two = (result["exceptions"][what] for result in found)
    assert two == pytest.approx(one, rel=1e-6, abs=1e-9)


@pytest.mark.slow
def test_ranks_agree_that_a_gradient_of_one_of_them_is_no_number(found: list[Any]) -> None:
    one, two = (result["faults"] for result in found)
    assert one == two and len(two) > 1
    assert all(named == ["age"] for named in two.values())


@pytest.mark.slow
def test_two_ranks_complete_missing_labels_as_one(found: list[Any]) -> None:
    """Tables of a teacher who looked at rows of both ranks; averages and counts over both."""
    one, two = (result["completed"] for result in found)
    assert one.keys() == two.keys() and len(one) == 4 * (len(catalog.COMPLETIONS) - 1)
    assert len(one["freematch age"]) == 41 and len(one["softmatch age"]) == 2
    for what, values in one.items():
        assert two[what] == pytest.approx(values, rel=1e-4, abs=1e-6), what


@pytest.mark.slow
def test_two_ranks_score_as_one(found: list[Any]) -> None:
    one, two = (result["scores"] for result in found)
    assert two["counts"] == one["counts"] == {"gender": 8, "age": 7}
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    for task, metrics in one["metrics"].items():
        assert two["metrics"][task] == pytest.approx(metrics, abs=0.02), task
    assert (one["bad"], two["bad"]) == (1, 2)


@pytest.mark.slow
def test_ranks_agree_on_words_and_on_stopping(found: list[Any]) -> None:
    one, two = found
    assert (one["stopped"], two["stopped"]) == ([False, False], [True, False])
    assert (one["joined"], two["joined"]) == ([], [[0, 1]])
    assert two["name"] == "of rank 0"


@pytest.mark.slow
def test_the_command_under_torchrun_trains_as_alone(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any],
    workdir: Path,
) -> None:  # fmt: skip
    values = recipe("gender", train__sync_bn=True, train__epochs=2, train__lr=1e-6)
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
