"""What can be seen of ranks in one process; tests/runs/test_ranks.py starts several."""

import torch
import torch.distributed as dist
from pytest import MonkeyPatch
from torch import nn

from mtlcli.engine.distributed import (
    GlobalBatchNorm2d,
    World,
    join,
    leave,
    replicate,
    share_batch_statistics,
)

CPU = torch.device("cpu")


def test_alone_everything_stays_as_it_is(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = join(CPU)
    assert world == World(CPU, 0, 1) and world.first
    tensor, module = torch.ones(3), nn.Linear(1, 1)
    assert world.sum(tensor) is tensor
    assert world.joined(tensor) is tensor
    assert world.any(True) and not world.any(False)
    assert world.same("words") == "words"
    assert replicate(module, world) is module
    leave(world)
    assert not dist.is_initialized()


def test_only_the_first_rank_writes() -> None:
    assert [World(CPU, rank, 3).first for rank in range(3)] == [True, False, False]


def test_every_batch_norm_is_replaced_and_nothing_else_changes() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4, affine=False)),
        nn.BatchNorm2d(4).double().eval(),
    )  # fmt: skip
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    share_batch_statistics(net)
    found = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [type(m) for m in found] == [GlobalBatchNorm2d] * 3
    assert all(torch.equal(t, state[n]) and t.dtype == state[n].dtype
               for n, t in net.state_dict().items())  # fmt: skip
    assert [m.training for m in found] == [True, True, False]


def one_rank_group(folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)


def test_statistics_over_one_rank_are_those_of_torch(tmp_path: object) -> None:
    """Forward, backward and running statistics, in training mode."""
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64)
    norms = [nn.BatchNorm2d(3).double(), GlobalBatchNorm2d(3).double()]
    found = []
    one_rank_group(str(tmp_path))
    try:
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 2)
        norms[1].load_state_dict(norms[0].state_dict())
        for norm in norms:
            given = x.clone().requires_grad_()
            out = norm(given)
            (out * torch.arange(5.0)).square().sum().backward()
            assert norm.weight.grad is not None and given.grad is not None
            found.append([out, given.grad, norm.weight.grad, norm.running_mean, norm.running_var])
    finally:
        dist.destroy_process_group()
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, atol=1e-9)
    assert norms[1].num_batches_tracked == 1


def test_in_eval_mode_it_is_an_ordinary_norm() -> None:
    x = torch.randn(2, 3, 4, 4)
    norm = GlobalBatchNorm2d(3).eval()
    assert torch.equal(norm(x), nn.BatchNorm2d(3).eval()(x))
