"""Read files of ``torch.save`` without running anything that is in them."""

import pickle
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mtlcli.errors import DataError


def load(path: Path, stand_ins: Iterable[Any] = ()) -> Any:
    """What the file holds, as far as it is tensors and plain values.

    :param stand_ins: pairs (harmless class, name in the file), for classes that may be met.
    :raises DataError: it is damaged, or holds objects that only running its code could restore.
    """
    import torch
    from torch.serialization import safe_globals

    try:
        with safe_globals(list(stand_ins)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd files, which end below
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError) as fault:
        raise DataError(
            f"{path} is damaged or holds more than tensors, and nothing in it is executed",
            hint="only if you trust it, where it was made: save its tensors alone, as in "
            "torch.save(torch.load(path, weights_only=False)['model_state_dict'], 'weights.pth')",
        ) from fault
