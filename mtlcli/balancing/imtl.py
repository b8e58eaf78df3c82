"""Impartial multi-task learning: losses and gradients."""

from typing import ClassVar

from mtlcli.balancing.imtl_g import ImtlG


class Imtl(ImtlG):
    """IMTL-G on the gradients of losses that IMTL-L has scaled.

    IMTL, Liu et al. (ICLR 2021), algorithm 1. It brings its weighting: the recipe's must be
    ``fixed`` (then ``imtl_l`` takes its place) or ``imtl_l``. Cost: K backward passes and K
    gradients in memory.
    """

    weighting: ClassVar[str] = "imtl_l"
