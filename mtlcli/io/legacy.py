"""Checkpoints of the older PyTorch gender and age networks (NDDR-CNN on ResNet, IMDB-Clean).

Only names are mapped here. What else a converted network needs to give the same outputs:

- images in RGB, normalised with ``MEAN`` and ``STD`` (0..255 minus the mean, in units of 0..1);
- shortcuts that resize with ``align_corners=True`` and NDDR norms with eps 1e-3, the default here;
- gender class 0 is female, 1 male; age output i is the year ``AGE_LOW + i``, as that code has it.

That code trained output i on the age i, not i + 1, so its ages come out one year too high. Counting
from ``AGE_LOW`` repeats its answers; counting from 0 mends them.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtlcli.errors import DataError, MissingError
from mtlcli.io import unpickle

if TYPE_CHECKING:
    from torch import Tensor

MEAN = (122.67891434 / 255, 116.66876762 / 255, 104.00698793 / 255)
STD = (1 / 255, 1 / 255, 1 / 255)
GENDERS = ("female", "male")
AGE_LOW = 1

_OUTPUTS = {2: "gender", 100: "age"}
_DEPTHS = {
    (2, 2, 2, 2, False): "resnet18",
    (3, 4, 6, 3, False): "resnet34",
    (3, 4, 6, 3, True): "resnet50",
    (3, 4, 23, 3, True): "resnet101",
    (3, 8, 36, 3, True): "resnet152",
}
_STEM = {"0": "conv1", "1": "bn1"}  # places in the first stage → the layers of ours
_HEAD = {"1": "hidden", "4": "last"}  # dropout, linear, ReLU, dropout, linear
_HINT = "mtl import reads the ResNet gender, age and NDDR checkpoints of that code"


@dataclass(frozen=True)
class Foreign:
    """What a checkpoint of the older code is.

    :param kind: one network, or two joined by NDDR.
    :param tasks: in the order of the networks.
    :param backbone: torchvision's name.
    :param hidden: width of each head's hidden layer, by task.
    :param outputs: size of each head's output, by task.
    :param shortcut: whether the heads read all stages.
    """

    kind: Literal["single", "fused"]
    tasks: tuple[str, ...]
    backbone: str
    hidden: dict[str, int]
    outputs: dict[str, int]
    shortcut: bool


class _Inert:
    """Stands for NumPy's scalars, so that nothing but tensors and plain values is ever built."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def read(path: Path) -> "dict[str, Tensor]":
    """The tensors of a checkpoint, by their old names; no code in it is run.

    Its configuration (yacs) is read as a plain dict, and its NumPy scores are skipped.

    :raises MissingError: there is no such file.
    :raises DataError: it is damaged, or holds objects that only running its code could restore.
    """
    if not path.is_file():
        raise MissingError(f"there is no checkpoint {path}")
    return _tensors(unpickle.load(path, _stand_ins()), path)


def _stand_ins() -> Iterator[Any]:
    for module in ("yacs.config", "fvcore.common.config"):
        yield (OrderedDict, f"{module}.CfgNode")
    for name in ("core.multiarray.scalar", "_core.multiarray.scalar", "dtype"):
        yield (_Inert, f"numpy.{name}")


def _tensors(held: Any, path: Path) -> "dict[str, Tensor]":
    from torch import Tensor

    if isinstance(held, dict):
        held = held.get("model_state_dict", held)
    if not isinstance(held, dict):
        raise DataError(f"{path} holds no dict of tensors", hint=_HINT)
    found = {str(k).removeprefix("module."): t for k, t in held.items() if isinstance(t, Tensor)}
    if not found:
        raise DataError(f"{path} holds no tensors", hint=_HINT)
    return found


def recognise(tensors: "dict[str, Tensor]") -> Foreign:
    """What the tensors are, from their names and shapes.

    :raises DataError: they are of no network that can be converted.
    """
    nets = _nets(tensors)
    heads = [_head(tensors, net) for net in nets]
    tasks = tuple(task for task, _, _ in heads)
    backbones = {_backbone(tensors, net) for net in nets}
    if len(set(tasks)) < len(tasks) or len(backbones) > 1:
        raise DataError("the two networks of this checkpoint do not differ in their task alone")
    if "nddrs.shortcut.2.weight" in tensors:
        raise DataError(
            "this network has batch norm after ReLU, and only norm before ReLU is known", hint=_HINT
        )
    return Foreign(
        kind="fused" if len(nets) > 1 else "single",
        tasks=tasks,
        backbone=backbones.pop(),
        hidden={task: hidden for task, hidden, _ in heads},
        outputs={task: outputs for task, _, outputs in heads},
        shortcut="nddrs.shortcut.0.weight" in tensors,
    )


def _nets(tensors: "dict[str, Tensor]") -> list[str]:
    """The prefixes of the networks inside: one, or the two that NDDR joins."""
    return ["net1.", "net2."] if any(name.startswith("net1.") for name in tensors) else [""]


def _head(tensors: "dict[str, Tensor]", net: str) -> tuple[str, int, int]:
    """Task, hidden width and output size of the network ``net``."""
    hidden, last = tensors.get(f"{net}head.1.weight"), tensors.get(f"{net}head.4.weight")
    if hidden is None or last is None or hidden.ndim != 2 or last.ndim != 2:
        raise DataError("no head of the older gender and age networks is in it", hint=_HINT)
    outputs = last.shape[0]
    if outputs not in _OUTPUTS:
        raise DataError(f"a head of {outputs} outputs is neither gender (2) nor age (100)")
    return _OUTPUTS[outputs], hidden.shape[0], outputs


def _backbone(tensors: "dict[str, Tensor]", net: str) -> str:
    blocks = {
        tuple(name.removeprefix(f"{net}stages.").split(".")[:3])
        for name in tensors
        if name.startswith(f"{net}stages.")
    }
    counts = Counter(stage for stage, *_ in blocks)
    bottleneck = f"{net}stages.1.feature.0.conv3.weight" in tensors
    depths = (counts["1"], counts["2"], counts["3"], counts["4"], bottleneck)
    if depths not in _DEPTHS:
        raise DataError(f"no ResNet has {depths[:4]} blocks in its stages", hint=_HINT)
    return _DEPTHS[depths]


def convert(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors by the names of this program.

    Backbones are listed twice in the old files, and once here. The two convolutions and norms of
    each NDDR become one. The old shortcut is one module that both tasks use: each gets a copy.

    :raises DataError: as :func:`recognise`.
    """
    foreign = recognise(tensors)
    found: dict[str, Tensor] = {}
    for task, net in zip(foreign.tasks, _nets(tensors), strict=True):
        for name, tensor in tensors.items():
            ours = _name(name.removeprefix(net), task) if name.startswith(net) else None
            if ours:
                found[ours] = tensor
        found |= _shortcut(tensors, task)
    return found | _fusions(tensors)


def _name(old: str, task: str) -> str | None:
    """``stages.2.feature.0.conv1.weight`` to ``backbones.<task>.stages.2.0.conv1.weight``."""
    part, _, rest = old.partition(".")
    if part == "head":
        place, _, leaf = rest.partition(".")
        return f"heads.{task}.{_HEAD[place]}.{leaf}"
    if part != "stages":
        return None  # features.*: the same backbone again; nddrs.*: see below
    stage, _, rest = rest.replace(".feature.", ".").partition(".")
    place, _, leaf = rest.partition(".")
    layer = _STEM[place] if stage == "0" else place
    return f"backbones.{task}.stages.{stage}.{layer}.{leaf}"


def _shortcut(tensors: "dict[str, Tensor]", task: str) -> "dict[str, Tensor]":
    ours = {"nddrs.shortcut.0.": "mix.", "nddrs.shortcut.1.": "norm."}
    return {
        f"shortcuts.{task}.{part}{name.removeprefix(old)}": tensor.clone()
        for old, part in ours.items()
        for name, tensor in tensors.items()
        if name.startswith(old)
    }


def _fusions(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """``nddrs.nddrs.<i>.{conv,bn}{1,2}.*`` to ``fusions.<i>.{mix,norm}.*``, task 1 first."""
    import torch

    found = {}
    for name, first in tensors.items():
        for old, ours in ((".conv1.", ".mix."), (".bn1.", ".norm.")):
            if name.startswith("nddrs.nddrs.") and old in name:
                second = tensors[name.replace(old, old.replace("1", "2"))]
                joined = first if first.ndim == 0 else torch.cat([first, second])
                found[name.replace("nddrs.nddrs.", "fusions.").replace(old, ours)] = joined
    return found
