"""Ranks: join those that ``torchrun`` started, sum over them, share batch statistics."""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process among ``size`` equal ones, and its device."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this rank writes files."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks; of a CPU tensor without waiting for the device."""
        if self.size == 1:
            return tensor
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    def joined(self, rows: Tensor) -> Tensor:
        """The rows ``[N, ...]`` of all ranks, one rank's after another's; N may differ."""
        if self.size == 1:
            return rows
        counts = torch.zeros(self.size, dtype=torch.int64, device=rows.device)
        counts[self.rank] = len(rows)
        lengths: list[int] = self.sum(counts).tolist()
        padded = rows.new_zeros(max(lengths), *rows.shape[1:])
        padded[: len(rows)] = rows
        held = [torch.empty_like(padded) for _ in lengths]
        dist.all_gather(held, padded)
        return torch.cat([part[:length] for part, length in zip(held, lengths, strict=True)])

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return bool(self.sum(torch.tensor(float(flag))).item())

    def same_buffers(self, module: nn.Module) -> None:
        """The first rank's buffers (batch statistics) on every rank, as DDP does it."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)

    def same(self, text: str) -> str:
        """The first rank's text, on every rank."""
        if self.size == 1:
            return text
        held = [text]
        dist.broadcast_object_list(held, src=0)
        return held[0]


def join(device: torch.device) -> World:
    """Join the process group if ``torchrun`` made one; else be alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return World(device, dist.get_rank(), dist.get_world_size())


def leave(world: World) -> None:
    """End the process group."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


def replicate(module: nn.Module, world: World) -> nn.Module:
    """Wrap for data-parallel training where there are several ranks."""
    if world.size == 1:
        return module
    ids = [world.device.index] if world.device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=ids)


class _SumOverRanks(torch.autograd.Function):
    """All-reduce whose gradient is an all-reduce, and the gradient of that one too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total: Tensor = _SumOverRanks.apply(gradients[0])
        return total


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over all ranks' batches, on any device (torch's own needs CUDA).

    The mean and the variance of the whole batch are formed in two passes, so that the result equals
    that of one rank with the same global batch up to rounding.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized():
            return super().forward(input)
        x = input if input.dtype == torch.float64 else input.float()
        local = torch.cat([x.sum((0, 2, 3)), x.new_tensor([x.numel() / x.shape[1]])])
        total = _SumOverRanks.apply(local)
        count, mean = total[-1], total[:-1] / total[-1]
        centred = x - mean.view(1, -1, 1, 1)
        variance = _SumOverRanks.apply(centred.square().sum((0, 2, 3))) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        out: Tensor = normalised.to(input.dtype)
        return out

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_batch_statistics(module: nn.Module) -> nn.Module:
    """Turn every 2-d batch norm into one over all ranks; weights and names stay."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            new = GlobalBatchNorm2d(
                child.num_features, child.eps, child.momentum, child.affine,
                child.track_running_stats,
            )  # fmt: skip
            new.load_state_dict(child.state_dict())
            like = next(child.buffers(), torch.empty(0))
            setattr(module, name, new.to(like.device, like.dtype).train(child.training))
        else:
            share_batch_statistics(child)
    return module
