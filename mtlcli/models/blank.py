"""Build a network whose weights are about to be loaded, without drawing random ones first."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

_DRAWS = {Tensor.normal_, Tensor.uniform_, Tensor.erfinv_}


class Blank(TorchFunctionMode):
    """Within ``with Blank():`` random starts are left out; most of the time to build is theirs.

    Tensors hold anything until a **strict** ``load_state_dict`` has filled them all.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWS or getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
