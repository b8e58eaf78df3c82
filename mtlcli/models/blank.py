"""Build a network whose weights are about to be loaded, without drawing random ones first."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.nn import init


@contextmanager
def blank() -> Iterator[None]:
    """Within it ``torch.nn.init`` does nothing; most of the time to build a network is its.

    Tensors hold anything until a **strict** ``load_state_dict`` has filled them all.
    """
    kept = {name: f for name, f in vars(init).items() if name.endswith("_") and name[0] != "_"}
    vars(init).update(dict.fromkeys(kept, _leave))
    try:
        yield
    finally:
        vars(init).update(kept)


def _leave(tensor: Tensor, *_: object, **__: object) -> Tensor:
    return tensor
