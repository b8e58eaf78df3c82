"""A learned exchange of the tasks' embeddings, one vector per image each."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError


class Stitch(nn.Module):
    """[h_1' … h_K'] = [h_1 … h_K] M over the tasks' hidden vectors, M the identity at first.

    A full matrix, so every number of one task's embedding can enter every number of another's:
    NDDR's fusion for vectors, and not the two numbers of cross-stitch units.

    :param widths: task → width of its embedding.
    :raises UsageError: a task has no hidden layer, so that there is no embedding of its own.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        bare = [task for task, width in widths.items() if not width]
        if bare:
            raise UsageError(
                f"stitch mixes the hidden layers of the heads, and {', '.join(bare)} has none",
                hint=f"set tasks.{bare[0]}.hidden=128, or leave out model.architecture.stitch",
            )
        self.widths = dict(widths)
        total = sum(widths.values())
        self.mix = nn.Parameter(torch.empty(total, total))
        nn.init.eye_(self.mix)

    def forward(self, hidden: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task → ``[B, D_t]``, behind the ReLU, to the same."""
        mixed = torch.cat([hidden[task] for task in self.widths], 1) @ self.mix
        parts = torch.split(mixed, list(self.widths.values()), 1)
        return dict(zip(self.widths, parts, strict=True))
