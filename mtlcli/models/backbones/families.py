"""How torchvision's classifiers are cut into stages: one line per family."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

Named = list[tuple[str, nn.Module]]
Cut = Callable[[nn.Module], list[Named]]


@dataclass(frozen=True)
class Family:
    """Networks that are cut alike.

    :param names: what their names begin with.
    :param cut: a network to its stages, each a list of named modules; the classifier is left out.
    :param signed: for each stage, whether its output can be negative.
    :param dilates: whether late stages can be dilated in place of striding.
    """

    names: tuple[str, ...]
    cut: Cut
    signed: tuple[bool, ...]
    dilates: bool = False


def listed(*stages: str) -> Cut:
    """Each stage is named outright: the paths of its modules, apart by spaces."""

    def cut(net: nn.Module) -> list[Named]:
        return [
            [(path.rpartition(".")[2], net.get_submodule(path)) for path in stage.split()]
            for stage in stages
        ]

    return cut


def before_strides(path: str) -> Cut:
    """A stage begins at each child of ``path`` that strides; later children of its size follow."""

    def cut(net: nn.Module) -> list[Named]:
        stages: list[Named] = [[]]
        for child in net.get_submodule(path).named_children():
            if stages[-1] and _strides(child[1]):
                stages.append([])
            stages[-1].append(child)
        return stages

    return cut


def after_pools(net: nn.Module) -> list[Named]:
    """A stage ends with each max pool of ``features``; what follows the last one is a stage too."""
    stages: list[Named] = [[]]
    for child in net.get_submodule("features").named_children():
        stages[-1].append(child)
        if isinstance(child[1], nn.MaxPool2d):
            stages.append([])
    return [stage for stage in stages if stage]


def _densenet(net: nn.Module) -> list[Named]:
    """Each transition ends a stage; the ReLU that torchvision calls as a function ends the last."""
    part = "features.denseblock{0} features.transition{0}"
    stem = "features.conv0 features.norm0 features.relu0 features.pool0"
    blocks = [part.format(i) for i in (1, 2, 3)]
    stages = listed(stem, *blocks, "features.denseblock4 features.norm5")(net)
    stages[-1].append(("relu5", nn.ReLU(inplace=True)))
    return stages


def _strides(module: nn.Module) -> bool:
    return any(isinstance(m, nn.Conv2d) and m.stride[0] > 1 for m in module.modules())


def assemble(stages: Iterable[Named]) -> list[nn.Module]:
    """One module per stage; a stage of one module is that module itself."""
    return [
        stage[0][1] if len(stage) == 1 else nn.Sequential(OrderedDict(stage)) for stage in stages
    ]


# The last convolution or norm of a network belongs to its last stage. In inverted residuals and
# ConvNeXt blocks the last layer is linear, so those stages are signed.
FAMILIES = (
    Family(
        ("resnet", "resnext", "wide_resnet"),
        listed("conv1 bn1 relu maxpool", "layer1", "layer2", "layer3", "layer4"),
        (False,) * 5,
        dilates=True,
    ),
    Family(("vgg",), after_pools, (False,) * 5),
    Family(("alexnet",), after_pools, (False,) * 3),
    Family(("squeezenet",), after_pools, (False,) * 4),
    Family(("mobilenet_v2",), before_strides("features"), (True, True, True, True, False)),
    Family(("mobilenet_v3", "efficientnet"), before_strides("features"), (True,) * 5),
    Family(("mnasnet",), before_strides("layers"), (True, True, True, True, False)),
    Family(
        ("convnext",),
        listed(
            "features.0 features.1", "features.2 features.3", "features.4 features.5",
            "features.6 features.7 classifier.0",
        ),
        (True,) * 4,
    ),
    Family(("densenet",), _densenet, (False, True, True, True, False)),
    Family(
        ("regnet",),
        listed("stem", *(f"trunk_output.block{i}" for i in (1, 2, 3, 4))),
        (False,) * 5,
    ),
    Family(
        ("shufflenet_v2",),
        listed("conv1 maxpool", "stage2", "stage3", "stage4 conv5"),
        (False,) * 4,
    ),
)  # fmt: skip


def family(name: str) -> Family:
    """The family of a network of the catalog."""
    return next(f for f in FAMILIES if name.startswith(f.names))
