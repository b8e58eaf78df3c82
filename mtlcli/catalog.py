"""Every name a recipe or a command may use: plain dicts, name → "module:Class".

Nothing is imported here, so names are checked, listed and completed without torch. To add a part of
any kind: one new file, one line below.
"""

_CLASSIFIERS = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d",
    "wide_resnet50_2", "wide_resnet101_2",
    "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn",
    "alexnet", "squeezenet1_0", "squeezenet1_1",
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
    "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
    "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l",
    "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
    "convnext_tiny", "convnext_small", "convnext_base", "convnext_large",
    "densenet121", "densenet161", "densenet169", "densenet201",
    "regnet_x_400mf", "regnet_x_800mf", "regnet_x_1_6gf", "regnet_x_3_2gf",
    "regnet_x_8gf", "regnet_x_16gf", "regnet_x_32gf",
    "regnet_y_400mf", "regnet_y_800mf", "regnet_y_1_6gf", "regnet_y_3_2gf",
    "regnet_y_8gf", "regnet_y_16gf", "regnet_y_32gf", "regnet_y_128gf",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
)  # fmt: skip

BACKBONES: dict[str, str] = {
    **dict.fromkeys(_CLASSIFIERS, "mtlcli.models.backbones.classifier:Classifier"),
    "vgg16_lfov": "mtlcli.models.backbones.vgg16_lfov:Vgg16Lfov",
    "vggface": "mtlcli.models.backbones.vggface:VggFace",
    "mini_xception": "mtlcli.models.backbones.mini_xception:MiniXception",
    "alexnet_fc": "mtlcli.models.backbones.alexnet_fc:AlexNetFc",
    "copies": "mtlcli.models.backbones.copies:Copies",
}

FUSIONS: dict[str, str] = {
    "nddr": "mtlcli.models.fusions.nddr:NDDR",
    "cross_stitch": "mtlcli.models.fusions.cross_stitch:CrossStitch",
    "sluice": "mtlcli.models.fusions.sluice:Sluice",
}

ARCHITECTURES: dict[str, str] = {
    "fused": "mtlcli.models.fused:Fused",
    "shared": "mtlcli.models.shared:Shared",
    "mtan": "mtlcli.models.mtan:Mtan",
    "light": "mtlcli.models.light:Light",
}

TASKS: dict[str, str] = {
    "classification": "mtlcli.tasks.classification:Classification",
    "age": "mtlcli.tasks.age:Age",
    "regression": "mtlcli.tasks.regression:Regression",
    "segmentation": "mtlcli.tasks.segmentation:Segmentation",
    "normals": "mtlcli.tasks.normals:Normals",
    "depth": "mtlcli.tasks.depth:Depth",
    "boundary": "mtlcli.tasks.boundary:Boundary",
    "attributes": "mtlcli.tasks.attributes:Attributes",
    "identity": "mtlcli.tasks.identity:Identity",
}

WEIGHTINGS: dict[str, str] = {
    "fixed": "mtlcli.balancing.fixed:Fixed",
    "equal": "mtlcli.balancing.equal:Equal",
    "scale_invariant": "mtlcli.balancing.scale_invariant:ScaleInvariant",
    "uncertainty": "mtlcli.balancing.uncertainty:Uncertainty",
    "uw_so": "mtlcli.balancing.uw_so:UwSo",
    "geometric": "mtlcli.balancing.geometric:Geometric",
    "random": "mtlcli.balancing.random:Random",
    "dwa": "mtlcli.balancing.dwa:Dwa",
    "imtl_l": "mtlcli.balancing.imtl_l:ImtlL",
    "gradnorm": "mtlcli.balancing.gradnorm:GradNorm",
    "famo": "mtlcli.balancing.famo:Famo",
    "stch": "mtlcli.balancing.stch:Stch",
    "go4align": "mtlcli.balancing.go4align:Go4Align",
    "ldc": "mtlcli.balancing.ldc:Ldc",
}

AGGREGATORS: dict[str, str] = {
    "sum": "mtlcli.balancing.sum:Sum",
    "mgda": "mtlcli.balancing.mgda:Mgda",
    "pcgrad": "mtlcli.balancing.pcgrad:PCGrad",
    "gradvac": "mtlcli.balancing.gradvac:GradVac",
    "graddrop": "mtlcli.balancing.graddrop:GradDrop",
    "cagrad": "mtlcli.balancing.cagrad:CAGrad",
    "imtl_g": "mtlcli.balancing.imtl_g:ImtlG",
    "imtl": "mtlcli.balancing.imtl:Imtl",
    "nash_mtl": "mtlcli.balancing.nash_mtl:NashMtl",
    "aligned_mtl": "mtlcli.balancing.aligned_mtl:AlignedMtl",
    "upgrad": "mtlcli.balancing.upgrad:UPGrad",
    "dualproj": "mtlcli.balancing.dualproj:DualProj",
    "fairgrad": "mtlcli.balancing.fairgrad:FairGrad",
    "config": "mtlcli.balancing.config:ConFIG",
    "db_mtl": "mtlcli.balancing.db_mtl:DbMtl",
    "moco": "mtlcli.balancing.moco:MoCo",
    "sdmgrad": "mtlcli.balancing.sdmgrad:SdmGrad",
    "excess_mtl": "mtlcli.balancing.excess_mtl:ExcessMtl",
    "ntkmtl_sr": "mtlcli.balancing.ntkmtl_sr:NtkMtlSr",
    "rep_mtl": "mtlcli.balancing.rep_mtl:RepMtl",
}

COMPLETIONS: dict[str, str] = {
    "none": "mtlcli.completion.none:Nothing",
    "distill": "mtlcli.completion.distill:Distill",
    "pseudo": "mtlcli.completion.pseudo:Pseudo",
    "select": "mtlcli.completion.select:Select",
    "interpolate": "mtlcli.completion.interpolate:Interpolate",
    "label_transfer": "mtlcli.completion.label_transfer:LabelTransfer",
    "mrf": "mtlcli.completion.mrf:Mrf",
    "fixmatch": "mtlcli.completion.fixmatch:FixMatch",
    "freematch": "mtlcli.completion.freematch:FreeMatch",
    "softmatch": "mtlcli.completion.softmatch:SoftMatch",
}

REGULARISERS: dict[str, str] = {
    "latent_task": "mtlcli.regularisers.latent_task:LatentTask",
    "l21": "mtlcli.regularisers.l21:L21",
    "nuclear": "mtlcli.regularisers.nuclear:Nuclear",
    "low_rank": "mtlcli.regularisers.low_rank:LowRank",
    "laplacian": "mtlcli.regularisers.laplacian:Laplacian",
}

PREPARERS: dict[str, str] = {
    "imdb": "mtlcli.data.preparers.imdb:Imdb",
    "utkface": "mtlcli.data.preparers.utkface:UtkFace",
    "adience": "mtlcli.data.preparers.adience:Adience",
    "aflw": "mtlcli.data.preparers.aflw:Aflw",
    "celeba": "mtlcli.data.preparers.celeba:CelebA",
    "expw": "mtlcli.data.preparers.expw:ExpW",
    "fer2013": "mtlcli.data.preparers.fer2013:Fer2013",
    "ferplus": "mtlcli.data.preparers.ferplus:FerPlus",
    "mtfl": "mtlcli.data.preparers.mtfl:Mtfl",
    "raf": "mtlcli.data.preparers.raf:Raf",
    "sfew": "mtlcli.data.preparers.sfew:Sfew",
    "nyuv2": "mtlcli.data.preparers.nyuv2:Nyuv2",
    "portraits": "mtlcli.data.preparers.portraits:Portraits",
    "rooms": "mtlcli.data.preparers.rooms:Rooms",
    "camvid": "mtlcli.data.preparers.camvid:CamVid",
    "awa2": "mtlcli.data.preparers.awa:Awa2",
    "awa": "mtlcli.data.preparers.awa1:Awa1",
    "clothing": "mtlcli.data.preparers.clothing:Clothing",
    "csv": "mtlcli.data.preparers.csv:Csv",
    "folder": "mtlcli.data.preparers.folder:Folder",
    "masks": "mtlcli.data.preparers.masks:Masks",
    "clips": "mtlcli.data.preparers.clips:Clips",
    "swimmers": "mtlcli.data.preparers.swimmers:Swimmers",
}

#: kind of part → its dict; the word is used in messages.
KINDS: dict[str, dict[str, str]] = {
    "backbone": BACKBONES,
    "fusion": FUSIONS,
    "architecture": ARCHITECTURES,
    "task kind": TASKS,
    "weighting": WEIGHTINGS,
    "aggregator": AGGREGATORS,
    "completion": COMPLETIONS,
    "regulariser": REGULARISERS,
    "dataset": PREPARERS,
}
