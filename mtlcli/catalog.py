"""Every name a recipe or a command may use: plain dicts, name → "module:Class".

Nothing is imported here, so names are checked, listed and completed without torch. To add a part of
any kind: one new file, one line below.
"""

_TORCHVISION = "mtlcli.models.backbones"

BACKBONES: dict[str, str] = {
    **dict.fromkeys(
        (
            "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
            "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d",
            "wide_resnet50_2", "wide_resnet101_2",
        ),
        f"{_TORCHVISION}.resnet:ResNet",
    ),
}  # fmt: skip

FUSIONS: dict[str, str] = {
    "nddr": "mtlcli.models.fusions.nddr:NDDR",
}

ARCHITECTURES: dict[str, str] = {
    "fused": "mtlcli.models.fused:Fused",
    "shared": "mtlcli.models.shared:Shared",
}

TASKS: dict[str, str] = {
    "classification": "mtlcli.tasks.classification:Classification",
    "age": "mtlcli.tasks.age:Age",
    "regression": "mtlcli.tasks.regression:Regression",
}

WEIGHTINGS: dict[str, str] = {
    "fixed": "mtlcli.balancing.fixed:Fixed",
}

PREPARERS: dict[str, str] = {
    "imdb": "mtlcli.data.preparers.imdb:Imdb",
    "utkface": "mtlcli.data.preparers.utkface:UtkFace",
    "portraits": "mtlcli.data.preparers.portraits:Portraits",
    "csv": "mtlcli.data.preparers.csv:Csv",
    "folder": "mtlcli.data.preparers.folder:Folder",
}

#: kind of part → its dict; the word is used in messages.
KINDS: dict[str, dict[str, str]] = {
    "backbone": BACKBONES,
    "fusion": FUSIONS,
    "architecture": ARCHITECTURES,
    "task kind": TASKS,
    "weighting": WEIGHTINGS,
    "dataset": PREPARERS,
}
