"""A restart state comes back bit for bit and key type for key type, and survives being killed."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtlcli.errors import DataError, MissingError
from mtlcli.io import state

_plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.builds(
        lambda shape, dtype: torch.randint(0, 2, shape).to(dtype),
        st.lists(st.integers(0, 3), max_size=3),
        st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool]),
    ),
)
_keys = st.one_of(
    st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.tuples(st.integers())
)
_states = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(_keys, inner, max_size=3),
    ),
    max_leaves=12,
)


def same(one: Any, two: Any) -> bool:
    """Equal to the bit, with equal types all the way down."""
    if type(one) is not type(two):
        return False
    if isinstance(one, Tensor):
        return one.dtype == two.dtype and one.equal(two)
    if isinstance(one, dict):
        pairs = zip(one, two, strict=False)
        return len(one) == len(two) and all(same(a, b) and same(one[a], two[b]) for a, b in pairs)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, float):
        equal = one == two or (math.isnan(one) and math.isnan(two))
        return equal and math.copysign(1, one) == math.copysign(1, two)
    return bool(one == two)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(_states)
def test_what_is_loaded_is_what_was_saved(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "state.st"
    state.save(path, content)
    assert same(state.load(path), content)


def _optimizers(net: nn.Module) -> list[torch.optim.Optimizer]:
    groups = [{"params": [p], "name": n, "initial_lr": 0.1} for n, p in net.named_parameters()]
    return [
        torch.optim.SGD(groups, lr=0.1, momentum=0.9, fused=True),
        torch.optim.AdamW([dict(g) for g in groups], lr=0.1, fused=True),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_a_real_optimizer_goes_on_as_if_nothing_had_happened(tmp_path: Path, which: int) -> None:
    def steps(net: nn.Module, made: torch.optim.Optimizer, count: int) -> None:
        for i in range(count):
            made.zero_grad()
            net(torch.full((2, 3), 1.0 + i)).square().sum().backward()
            made.step()

    net = nn.Linear(3, 2)
    made = _optimizers(net)[which]
    steps(net, made, 3)
    saved = {"net": net.state_dict(), "optimizer": made.state_dict()}
    state.save(tmp_path / "s.st", saved)
    assert same(state.load(tmp_path / "s.st")["optimizer"], saved["optimizer"])

    other = nn.Linear(3, 2)
    loaded = state.load(tmp_path / "s.st")
    other.load_state_dict(loaded["net"])
    again = _optimizers(other)[which]
    again.load_state_dict(loaded["optimizer"])
    steps(net, made, 2)
    steps(other, again, 2)
    assert all(a.equal(b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_tensors_that_share_memory_come_back_apart(tmp_path: Path) -> None:
    whole = torch.arange(4.0)
    state.save(tmp_path / "s.st", [whole, whole, whole[::2]])
    one, two, three = state.load(tmp_path / "s.st")
    one.zero_()
    assert two.equal(whole) and three.equal(whole[::2])


@pytest.mark.parametrize("odd", [{1, 2}, object(), b"bytes", torch.float32])
def test_what_it_cannot_hold_is_a_fault_of_the_program(tmp_path: Path, odd: Any) -> None:
    with pytest.raises(TypeError, match=type(odd).__name__):
        state.save(tmp_path / "s.st", {"x": [odd]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04xxxxxxxxxx", bytes(100)])
def test_what_is_no_state_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.st"
    path.write_bytes(content)
    with pytest.raises(DataError, match="restart state") as caught:
        state.load(path)
    assert caught.value.where == str(path) and caught.value.hint


@pytest.mark.parametrize(
    "tree", ['{"t": "9"}', '{"t": "0", "d": []}', '{"d": 5}', "{", '{"d": [1]}']
)
def test_a_state_whose_tree_is_damaged_is_refused(tmp_path: Path, tree: str) -> None:
    from safetensors.torch import save_file

    save_file({"0": torch.zeros(1)}, tmp_path / "s.st", {"tree": tree})
    with pytest.raises(DataError, match="restart state"):
        state.load(tmp_path / "s.st")


def test_a_missing_state_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        state.load(tmp_path / "s.st")


def test_being_killed_while_saving_leaves_a_whole_state(tmp_path: Path) -> None:
    path = tmp_path / "s.st"
    code = (
        "import sys, torch\nfrom pathlib import Path\nfrom mtlcli.io import state\n"
        f"path = Path({str(path)!r})\nnumber = 0\n"
        "while True:\n"
        "    state.save(path, {'number': number, 'x': torch.full((500_000,), number)})\n"
        "    number += 1\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    loaded = state.load(path)
    assert loaded["number"] >= 2
    assert bool((loaded["x"] == loaded["number"]).all())
