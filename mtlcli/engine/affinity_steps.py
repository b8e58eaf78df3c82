"""What a step for one task does for the others: gradients and losses at one set of parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import gramian

#: a step is so long, relative to the parameters: a large step of a training, so that the losses'
#: curvature has its say.
LENGTH = 1e-3


@dataclass(frozen=True)
class Looked:
    """One batch at one network; K tasks, NaN where there is no label of a task.

    :param cosines: ``[K, K] float64``, of the tasks' gradients.
    :param gains: ``[K, K] float64``, i → j: the part of j's loss that a step for i takes away.
    """

    cosines: Tensor
    gains: Tensor


def look_ahead(
    losses: Callable[[], Tensor], parameters: Sequence[nn.Parameter], *, length: float = LENGTH
) -> Looked:
    """Take a step for every task in turn, and back.

    TAG, Fifty et al. (NeurIPS 2021), eq. 1: Z(i → j) = 1 - L_j(θ - η g_i) / L_j(θ), both of one
    batch. Their η is the training's; here each step has the same length, η ‖g_i‖ = length · ‖θ‖, so
    that a task does not count for more because its loss has another unit. To first order Z(i → j)
    over Z(j → j) is then the gradients' cosine; what is beyond it, and what makes the two
    directions differ, is the losses' curvature along the step.

    :param losses: the K losses at the present parameters, ``[K]``; NaN for a task without labels.
    :param parameters: those that the tasks share; they are afterwards what they were.
    """
    with torch.enable_grad():
        before = losses()
        rows = _gradients(before, parameters)
    here = before.detach().double().cpu()
    gram = gramian(rows)
    norms = gram.diagonal().sqrt()
    gains = torch.stack([1 - x / here for x in _after(losses, parameters, rows, length)])
    lost = here.isnan()
    gains[lost] = torch.nan
    cosines = gram / norms.outer(norms).clamp(min=1e-30)
    lost |= norms == 0
    cosines[lost] = torch.nan
    cosines[:, lost] = torch.nan
    return Looked(cosines, gains)


def _gradients(losses: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """``[K, D]``, a row per task; zeros for one without labels."""
    made = []
    for i, loss in enumerate(losses):
        if loss.isnan():
            made.append(torch.zeros(sum(p.numel() for p in parameters)).to(losses))
            continue
        found = torch.autograd.grad(
            loss, parameters, retain_graph=i < len(losses) - 1, allow_unused=True,
        )  # fmt: skip
        pairs = zip(found, parameters, strict=True)
        made.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten()
                               for g, p in pairs]))  # fmt: skip
    return torch.stack(made)


@torch.no_grad()
def _after(
    losses: Callable[[], Tensor], parameters: Sequence[nn.Parameter], rows: Tensor, length: float
) -> list[Tensor]:
    """The K losses after a step for each task, ``[K] float64`` each."""
    held = [parameter.clone() for parameter in parameters]
    size = length * torch.stack([p.norm() for p in held]).norm()
    sizes = [parameter.numel() for parameter in parameters]
    found = []
    for row in rows:
        step = size / row.norm().clamp(min=1e-30)
        for parameter, part in zip(parameters, torch.split(row, sizes), strict=True):
            parameter.sub_(part.view_as(parameter), alpha=float(step))
        found.append(losses().double().cpu())
        for parameter, value in zip(parameters, held, strict=True):
            parameter.copy_(value)
    return found


def relative(gains: Tensor) -> Tensor:
    """Affinity i → j: the gain of j from a step for i, in units of its gain from its own step.

    :param gains: ``[..., K, K]``, means over batches.
    :returns: the same shape; 1 on the diagonal, NaN where a task's own step did not help it.
    """
    own = gains.diagonal(dim1=-2, dim2=-1).unsqueeze(-2)
    return torch.where(own > 0, gains / own.clamp(min=1e-30), torch.nan)
