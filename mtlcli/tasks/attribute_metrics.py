"""Scores of many binary attributes, all from one histogram of the scores that adds up."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtlcli.tasks.base import Details, Metrics

#: metrics, the leading one first.
NAMES = ("average_precision", "balanced_accuracy", "accuracy", "f1", "mcc")
BINS = 2048  # even, so that a score of 0 is an edge


def bin_of(scores: Tensor) -> Tensor:
    """Raw scores to bins 0 to BINS - 1: in their order, negative ones in the lower half.

    Bins are of equal width in ``f / (1 + |f|)``: fine around the threshold, never out of range.
    """
    scores = scores.double()
    half = BINS // 2
    steps = ((1 - 1 / (1 + scores.abs())) * half).nan_to_num(0).long().clamp(max=half - 1)
    return torch.where(scores >= 0, half + steps, half - 1 - steps)


class AttributeMetrics(Metrics):
    """Average precision, balanced accuracy, accuracy, F1 and MCC in the mean over attributes.

    ``state["scores"]``: ``[M, 2, BINS] float64``, labels of each attribute that are absent and
    present by the bin of their score; average precision comes within about 0.001 of that of the
    scores themselves, the others are exact. An attribute that was never present has no average
    precision and no F1, one of which all labels are the same no balanced accuracy and no MCC; means
    leave out what there is not.

    :param names: of the M attributes.
    :param groups: of each attribute; empty: none.
    """

    def __init__(self, names: Sequence[str], groups: Sequence[str] = ()) -> None:
        super().__init__()
        self.names, self.groups = tuple(names), tuple(groups)
        self.state["scores"] = torch.zeros(len(names), 2, BINS, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        """Add a batch of raw scores ``[B, M]`` and labels ``[B, M] int8``; -1 is a gap."""
        known = (target >= 0) & (weight > 0).unsqueeze(1)
        truth = target.clamp(min=0).long()
        # a score that is no number is a wrong answer
        bins = torch.where(output.isnan(), (1 - truth) * (BINS - 1), bin_of(output))
        attribute = torch.arange(len(self.names), device=output.device)
        cells = ((2 * attribute + truth) * BINS + bins)[known]
        weights = weight.unsqueeze(1).expand_as(target)[known].double()
        held = self.state["scores"]
        counts = torch.bincount(cells, weights=weights, minlength=held.numel())
        self.state["scores"] = held + counts.view(held.shape).cpu()

    def compute(self) -> dict[str, float]:
        return {name: float(values.nanmean()) for name, values in self._each().items()}

    def details(self) -> Details:
        """Every attribute's scores, and the means of every group."""
        each = self._each()
        found: Details = {"attribute": {}, "group": {}}
        for index, name in enumerate(self.names):
            found["attribute"][name] = {m: float(v[index]) for m, v in each.items()}
        for group in dict.fromkeys(self.groups):
            own = torch.tensor([group == other for other in self.groups])
            found["group"][group] = {m: float(v[own].nanmean()) for m, v in each.items()}
        return {level: parts for level, parts in found.items() if parts}

    def _each(self) -> dict[str, Tensor]:
        """Metric → one value per attribute, ``[M] float64``; NaN where there is none."""
        absent, present = self.state["scores"].unbind(1)
        half = BINS // 2
        tn, fp = absent[:, :half].sum(1), absent[:, half:].sum(1)
        fn, tp = present[:, :half].sum(1), present[:, half:].sum(1)
        values = (
            average_precision(absent, present),
            (tp / (tp + fn) + tn / (tn + fp)) / 2,
            (tp + tn) / (tp + tn + fp + fn),
            torch.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), torch.nan),
            matthews(tn, fp, fn, tp),
        )
        return dict(zip(NAMES, values, strict=True))


def average_precision(absent: Tensor, present: Tensor) -> Tensor:
    """The mean, over the positives, of the precision down to each of them.

    Within a bin the order is not known, and taken to be even: before the k-th of its p positives
    lie n k / (p + 1) of its n negatives. With P positives and N negatives in higher bins the sum of
    its precisions, ``(P + k) / (P + k + N + n k / (p + 1))``, is closed by the digamma function.

    :param absent: negatives by bin, ``[M, BINS]``, scores rising.
    :param present: positives by bin.
    :returns: ``[M]``; NaN without positives. Exact where no bin holds both kinds.
    """
    n, p = absent.flip(1), present.flip(1)
    before, all_before = p.cumsum(1) - p, (n + p).cumsum(1) - n - p
    each = 1 + n / (p + 1)
    above = all_before / each
    reciprocals = torch.digamma(above + p + 1) - torch.digamma(above + 1)
    sums = (p + (before - above) * reciprocals) / each
    return sums.sum(1) / p.sum(1)


def matthews(tn: Tensor, fp: Tensor, fn: Tensor, tp: Tensor) -> Tensor:
    """Matthews' correlation; 0 for one answer to all, NaN where all labels are the same."""
    answers = (tp + fp) * (tn + fn)
    labels = (tp + fn) * (tn + fp)
    value = (tp * tn - fp * fn) / (answers * labels).sqrt()
    value = torch.where(answers > 0, value, 0)
    return torch.where(labels > 0, value, torch.nan)
