"""The network behind label transfer: one table of label vectors, one small network per task."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.completion.base import Seen
from mtlcli.completion.distances import blocks
from mtlcli.completion.weights.rows import subsample


class Transfer(nn.Module):
    """Scores of a task's labels from the other tasks' answers and the task's features.

    :param seen: gives the tasks, their classes, and the scale of the features.
    :param size: E, length of a label's vector.
    :param hidden: width of the hidden layer.
    :param generator: for the start.
    """

    def __init__(
        self, seen: Mapping[str, Seen], size: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.vectors = nn.ParameterDict()  # task → e, [C, E]
        self.first = nn.ParameterDict()  # task → [inputs + 1, hidden], the last row is the bias
        self.last = nn.ParameterDict()  # task → [hidden + 1, E], likewise
        self.scales: dict[str, tuple[Tensor, Tensor]] = {}
        for task, one in seen.items():
            inputs = (len(seen) - 1) * size + one.features.shape[1]
            like = one.features
            self.vectors[task] = _start(one.logits.shape[1], size, generator, like)
            self.first[task] = _start(inputs + 1, hidden, generator, like)
            self.last[task] = _start(hidden + 1, size, generator, like)
            self.scales[task] = _scale(one.features, generator)

    def forward(self, task: str, seen: Mapping[str, Seen], rows: Tensor) -> Tensor:
        """The scores of the ``rows`` ``[n] int64``: ``[n, C]``."""
        middle, width = self.scales[task]
        told = [(seen[task].features[rows].float() - middle) / width]
        for other, one in seen.items():
            if other != task:
                told.append(one.logits[rows].float().softmax(1) @ self.vectors[other])
        h = F.relu(_affine(torch.cat(told, 1), self.first[task]))
        scores: Tensor = _affine(h, self.last[task]) @ self.vectors[task].T
        return scores

    def answers(self, task: str, seen: Mapping[str, Seen], elements: int = 2**22) -> Tensor:
        """The scores of all rows, ``[N, C]``."""
        rows = torch.arange(len(seen[task].labelled), device=seen[task].labelled.device)
        parts = blocks(rows, sum(self.first[task].shape), elements)
        return torch.cat([self(task, seen, part) for part in parts])


def train(
    net: Transfer,
    seen: Mapping[str, Seen],
    generator: torch.Generator,
    *,
    steps: int,
    batch: int,
    rate: float,
) -> None:
    """Minimise the sum of the tasks' cross-entropies over their labelled rows by Adam."""
    known = {task: one.labelled.nonzero().squeeze(1) for task, one in seen.items()}
    known = {task: rows for task, rows in known.items() if len(rows)}
    if not known:
        return
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    for _ in range(steps):
        for task, rows in known.items():
            drawn = torch.randint(len(rows), (batch,), generator=generator).to(rows.device)
            score = net(task, seen, rows[drawn])
            loss: Tensor = F.cross_entropy(score, seen[task].targets[rows[drawn]])
            torch.autograd.backward(loss)  # the sum of the tasks' gradients
        optimiser.step()
        optimiser.zero_grad()


def _start(rows: int, columns: int, generator: torch.Generator, like: Tensor) -> nn.Parameter:
    """Normal numbers of variance 1 / ``rows``, on the device of ``like``."""
    drawn = torch.randn(rows, columns, generator=generator) / rows**0.5
    return nn.Parameter(drawn.to(like.device))


def _affine(x: Tensor, matrix: Tensor) -> Tensor:
    """``x`` ``[n, D]`` by a matrix ``[D + 1, E]`` whose last row is the bias."""
    return torch.addmm(matrix[-1], x, matrix[:-1])


def _scale(features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``[D]`` of some rows."""
    some = features[subsample(features, 8192, generator)].float()
    if len(some) < 2:
        return torch.zeros_like(some.sum(0)), torch.ones_like(some.sum(0))
    return some.mean(0), some.std(0).clamp(min=1e-6)
