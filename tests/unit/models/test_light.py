"""The light network: the published counts to the unit, its halves, and clips of any length."""

from itertools import permutations

import pytest
import torch
from torch import nn

from mtlcli.engine.reach import reach
from mtlcli.errors import UsageError
from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.light import Light
from mtlcli.models.summary import summarise
from mtlcli.tasks.heads import image_head

FACE = {"age": 1, "race": 5, "gender": 2}
SWIM = {"identity": 4, "action": 4}
PUBLISHED = (
    # outputs, hidden width of the heads, all heads, whole network, of it trained
    (FACE, 512, 527_873 + 529_925 + 528_386, 10_661_557, 10_583_221),
    (SWIM, 1024, 2 * 1_058_820, 11_193_013, 11_113_653),
)


def weights(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def as_keras_counts(net: nn.Module) -> int:
    """Weights, and the running means and variances, which Keras calls weights not trained."""
    running = ("running_mean", "running_var")
    return weights(net) + sum(b.numel() for n, b in net.named_buffers() if n.endswith(running))


def published(outputs: dict[str, int], hidden: int, **options: object) -> Light:
    def head(task: str, channels: int) -> nn.Module:
        return image_head("prelu", channels, outputs[task], hidden=hidden, dropout=0.5)

    trunk = Classifier("efficientnet_b3", cut="block7a")
    return Light(
        list(outputs), {"shared": trunk}, head, None, (0.5,) * 3, (0.2,) * 3,
        **{"scores": "sigmoid", **options},
    )  # fmt: skip


@pytest.fixture
def light(backbone):
    """``light(tasks, options)`` on a tiny trunk of 8 channels at stride 8."""

    def make(tasks: str = "ab", **options: object) -> Light:
        return Light(
            list(tasks), {"shared": backbone()},
            lambda task, c: image_head("prelu", c, 2, hidden=8, dropout=0.5), None,
            (0.5,) * 3, (0.2,) * 3, **{"width": 12, **options},
        )  # fmt: skip

    return make


@pytest.fixture
def clips() -> torch.Tensor:
    """Clips ``[3, 4, 3, 32, 32] uint8``."""
    return torch.randint(0, 256, (3, 4, 3, 32, 32), dtype=torch.uint8)


@pytest.mark.parametrize(("outputs", "hidden", "heads", "whole", "trained"), PUBLISHED)
def test_it_has_the_published_number_of_weights(
    outputs: dict[str, int], hidden: int, heads: int, whole: int, trained: int
) -> None:
    """torchvision's trunk is Keras' to the unit: the same layers, the same norms."""
    net = published(outputs, hidden)
    assert as_keras_counts(net.backbones) == 7_932_616
    assert as_keras_counts(net.halves) == 1_142_757
    assert as_keras_counts(net.heads) == heads
    assert as_keras_counts(net) == whole
    assert weights(net) == trained


def test_the_default_scores_save_the_one_bias_that_a_softmax_does_not_see() -> None:
    assert weights(published(FACE, 512)) - weights(published(FACE, 512, scores="softmax")) == 1


@pytest.mark.parametrize(("frames", "pixels", "rest"), [(1, 198, 7), (15, 100, 4)])
def test_its_maps_have_the_published_shapes(frames: int, pixels: int, rest: int) -> None:
    net = published(SWIM, 1024).to("meta").eval()
    clips = torch.zeros(2, frames, 3, pixels, pixels, dtype=torch.uint8, device="meta")
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str):
        return lambda _, given, out: shapes.update({name: tuple(out.shape)})

    parts = {
        "trunk": net.backbones["shared"], "spatial map": net.halves["spatial"].norm,
        "spatial": net.halves["spatial"], "lstm": net.halves["temporal"].lstm,
        "temporal": net.halves["temporal"],
    }  # fmt: skip
    for name, part in parts.items():
        part.register_forward_hook(note(name))
    outputs = net(clips)
    assert shapes == {
        "trunk": (2 * frames, 384, rest, rest), "spatial map": (2, 512, rest, rest),
        "spatial": (2, 512), "lstm": (2, frames, 256), "temporal": (2, 512),
    }  # fmt: skip
    assert {task: tuple(out.shape) for task, out in outputs.items()} == {
        "identity": (2, 4), "action": (2, 4),
    }  # fmt: skip


@pytest.mark.parametrize("frames", [1, 2, 15])
@pytest.mark.parametrize("scores", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("kernel", [0, 3, 7])
def test_every_parameter_is_trained_by_every_task_that_has_it(
    light, frames: int, scores: str, kernel: int
) -> None:
    """Also for one frame: a parameter outside the graph would stop data-parallel training."""
    net = light(scores=scores, kernel=kernel).train()
    clips = torch.randint(0, 256, (4, frames, 3, 32, 32), dtype=torch.uint8)
    sum(out.square().sum() for out in net(clips).values()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []
    idle = {name for name, p in net.named_parameters() if not p.grad.any()}
    of_time = {"halves.temporal.lstm.recurrent.weight"} | {
        name for name, _ in net.named_parameters() if "temporal.attention" in name
    }
    assert idle == (of_time if frames == 1 else set())


def test_a_still_is_a_clip_of_one_frame(light, images) -> None:
    net = light().eval()
    torch.testing.assert_close(net(images), net(images.unsqueeze(1)))


@pytest.mark.parametrize("frames", [1, 4, 15])
def test_a_clip_of_one_repeated_still_looks_like_it_to_the_spatial_half(
    light, images, frames: int
) -> None:
    net = light(temporal=False).eval()
    clip = images.unsqueeze(1).repeat(1, frames, 1, 1, 1)
    torch.testing.assert_close(net(clip), net(images))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_frames_matters_to_the_temporal_half_alone(light, clips, seed: int) -> None:
    torch.manual_seed(seed)
    net = light().eval()
    maps = net.backbones["shared"](net.normalise(clips.flatten(0, 1))).view(3, 4, 8, 4, 4)
    orders = [list(order) for order in permutations(range(4))][1:]
    spatial, temporal = (net.halves[half] for half in ("spatial", "temporal"))
    for order in orders:
        torch.testing.assert_close(spatial(maps[:, order]), spatial(maps))
    moved = [(temporal(maps[:, order]) - temporal(maps)).abs().amax() for order in orders]
    assert min(moved) > 1e-4
    outputs, turned = net(clips), net(clips.flip(1))
    assert all((outputs[task] - turned[task]).abs().amax() > 1e-5 for task in "ab")


@pytest.mark.parametrize(
    ("options", "halves", "width"),
    [
        ({}, {"spatial", "temporal"}, 24),
        ({"temporal": False}, {"spatial"}, 12),
        ({"spatial": False}, {"temporal"}, 12),
    ],
)
def test_what_is_left_out_has_no_weights(light, options, halves, width: int) -> None:
    net = light(**options)
    assert set(net.halves) == halves
    assert net.heads["a"].hidden.in_features == width
    assert len(net.fusion_parameters()) == len(list(net.halves.parameters()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"spatial": False, "temporal": False}, "has nothing"),
        ({"kernel": 4}, "4 is even"),
        ({"width": 7}, "7"),
    ],
)
def test_what_cannot_be_built_is_refused(light, options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        light(**options)


def test_dropout_is_random_in_training_only(light, images) -> None:
    net = light(dropout=0.5)
    assert not net.train().features(images)["a"].equal(net.features(images)["a"])
    net.eval()
    assert net.features(images)["a"].equal(net.features(images)["a"])


def test_balancing_can_cut_it_at_what_the_heads_read(light, images) -> None:
    net = light()
    with net.cuts() as cuts:
        out = net(images)
    ((made, leaf),) = cuts
    assert leaf.shape == (6, 24, 1, 1) and made.grad_fn is not None
    out["a"].sum().backward()
    assert leaf.grad is not None and net.backbones["shared"].stages[0][0].weight.grad is None


def test_all_but_the_heads_is_shared(light, images) -> None:
    net = light()
    found = reach(net, images[:1])
    shared = [*net.backbones.parameters(), *net.halves.parameters()]
    assert {id(p) for p in found.shared} == {id(p) for p in shared}
    assert {id(p) for p in found.own["b"]} == {id(p) for p in net.heads["b"].parameters()}


def test_its_cost_is_known_by_part(light) -> None:
    cost = summarise(light(), 32, 32)
    assert list(cost) == ["backbones", "heads", "halves"]
    assert sum(part.parameters for part in cost.values()) == weights(light())


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 5, 3, 32, 32)])
def test_it_computes_in_bfloat16_about_the_same(light, shape: tuple[int, ...]) -> None:
    net = light().eval()
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    with torch.no_grad():
        exact = net(images)
        net.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = net(images)
    for task, out in exact.items():
        torch.testing.assert_close(rough[task].float(), out, rtol=0.1, atol=0.1)


def test_it_computes_in_float64_where_its_weights_are(light, clips) -> None:
    net = light().eval().double()
    outputs = net(clips)
    assert {out.dtype for out in outputs.values()} == {torch.float64}
    torch.testing.assert_close(outputs["a"].float(), net.float()(clips)["a"], rtol=1e-4, atol=1e-5)
