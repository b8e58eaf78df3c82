"""Representation-level task saliency."""

import torch
from torch import Tensor

from mtlcli.balancing.base import PenalisingAggregator
from mtlcli.registry import NonNegative, Positive

_EPS = 1e-12


class RepMtl(PenalisingAggregator):
    """Σ L_i with two penalties on the saliencies S_i = ∂L_i/∂Z of the shared features Z.

    Rep-MTL, Wang, Li & Xu (ICCV 2025), eq. 3 to 10: the entropy over the tasks of |mean over
    channels of S_i| at every place (task-specific saliency regulation), and a contrastive loss
    between each image's anchor (all tasks' saliencies, pooled) and its tasks' channel affinities
    S_i S_iᵀ against other images' anchors (cross-task saliency alignment). The penalties are
    differentiated through the heads a second time. Written from the paper, whose code is not
    published; the paper's own strengths are searched per dataset. Over several ranks each contrasts
    its own images. Cost: K backward passes through the heads and K second ones, one through the
    rest.

    :param regulation: λ_tsr.
    :param alignment: λ_csa.
    :param temperature: τ of the contrastive loss.
    """

    at_features = True

    def __init__(
        self,
        tasks: list[str],
        *,
        regulation: NonNegative = 0.1,
        alignment: NonNegative = 0.1,
        temperature: Positive = 0.1,
    ) -> None:
        super().__init__(tasks)
        self.regulation, self.alignment = regulation, alignment
        self.temperature = temperature

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        self.used = dict.fromkeys(losses, 1.0)
        return gradients.sum(0)

    def penalty(self, saliencies: Tensor) -> Tensor:
        """λ_tsr L_tsr + λ_csa L_csa, from saliencies ``[P, B, C, places]``.

        Neither depends on their common size, which is that of a mean over a batch: they are brought
        to 1 first, so that their products stay far above the smallest numbers.
        """
        saliencies = saliencies / saliencies.detach().abs().amax().clamp(min=1e-30)
        regulation = self.regulation * entropy(saliencies)
        return regulation + self.alignment * alignment(saliencies, self.temperature)


def entropy(saliencies: Tensor) -> Tensor:
    """Eq. 4 to 6: the mean over images and places of the entropy over tasks.

    :param saliencies: ``[P, B, C, places]``.
    """
    size = saliencies.mean(2).abs() + _EPS
    shares = size / size.sum(0)
    return -(shares * shares.log()).sum(0).mean()


def alignment(saliencies: Tensor, temperature: float) -> Tensor:
    """Eq. 7 to 9. Affinities ``[C, C]`` are never formed: <S Sᵀ, A Aᵀ> = ‖Sᵀ A‖².

    An image without a label for a task has a saliency of 0 there, at which a root alone has no
    derivative.

    :param saliencies: ``[P, B, C, places]``.
    """
    tasks, images = saliencies.shape[:2]
    if images < 2:
        return saliencies.sum() * 0
    anchors = saliencies.mean(3).permute(1, 2, 0)  # [B, C, P]
    own = _root((anchors.transpose(1, 2) @ anchors).square().sum((1, 2)))  # [B]
    norms = _root((saliencies.transpose(2, 3) @ saliencies).square().sum((2, 3)))  # [P, B]
    near = (saliencies.transpose(2, 3) @ anchors).square().sum((2, 3)) / (norms * own)  # [P, B]
    flat = anchors.permute(0, 2, 1).reshape(images * tasks, -1)
    crossed = (flat @ flat.T).square().view(images, tasks, images, tasks).sum((1, 3))
    apart = crossed / own.outer(own) / temperature
    others = ~torch.eye(images, dtype=torch.bool, device=apart.device)
    against = apart.masked_fill(~others, -torch.inf).logsumexp(1)
    return (against - near / temperature).mean()


def _root(squares: Tensor) -> Tensor:
    return (squares + _EPS**2).sqrt()
