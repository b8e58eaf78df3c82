"""Known or unknown: from which cosine on a picture is taken for the nearest identity.

Scores are cosines, ``[N] float64``; one is accepted where it is at least the threshold.
"""

import torch
from torch import Tensor


def rates(genuine: Tensor, impostor: Tensor, threshold: float) -> tuple[float, float]:
    """The share of impostors that are accepted, and of genuine scores that are not."""
    accepted = float((impostor >= threshold).double().mean())
    return accepted, float((genuine < threshold).double().mean())


def equal_error(genuine: Tensor, impostor: Tensor) -> float:
    """The threshold at which as large a share of impostors is accepted as of genuine is refused.

    Thresholds lie midway between two neighbouring scores. Of several that are as near to equal, the
    one with the fewest errors is taken, and of those the middle one.
    """
    scores = torch.tensor(sorted({*genuine.tolist(), *impostor.tolist()}), dtype=torch.float64)
    ends = torch.cat([scores[:1] - 1e-6, scores, scores[-1:] + 1e-6])
    tried = (ends[:-1] + ends[1:]) / 2
    refused = torch.searchsorted(genuine.sort().values, tried) / len(genuine)
    accepted = 1 - torch.searchsorted(impostor.sort().values, tried) / len(impostor)
    apart = (refused - accepted).abs()
    errors = (refused + accepted).masked_fill(apart > apart.min() + 1e-9, torch.inf)
    best = tried[errors <= errors.min() + 1e-9]
    return float(best[len(best) // 2])


def at_false_accept(impostor: Tensor, rate: float) -> float:
    """The lowest threshold that accepts at most this share of impostors."""
    ordered = impostor.sort(descending=True).values
    allowed = int(rate * len(ordered) + 1e-9)
    if allowed >= len(ordered):
        return -1.0
    return float(torch.nextafter(ordered[allowed], torch.tensor(torch.inf, dtype=torch.float64)))


def auroc(known: Tensor, unknown: Tensor) -> float:
    """The chance that a known one scores above an unknown one, equals counting half."""
    if not len(known) or not len(unknown):
        return float("nan")
    ordered = unknown.sort().values.contiguous()
    below = torch.searchsorted(ordered, known.contiguous())
    up_to = torch.searchsorted(ordered, known.contiguous(), right=True)
    return float((below + up_to).double().mean() / (2 * len(unknown)))
