"""Batches move, split and keep their parts together."""

import numpy as np
import pytest
import torch

from mtlcli.data.batch import Batch, Pixels


def batch(count: int) -> Batch:
    index = torch.arange(count)
    return Batch(
        images=index.to(torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2).contiguous(),
        targets={"age": index.float()},
        weights={"age": (index % 2).float()},
        index=index,
        bad=[(99, "gone")],
        step=4,
    )


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("parts", [1, 2, 3, 8, 20])
def test_parts_are_the_batch(count: int, parts: int) -> None:
    whole = batch(count)
    cut = whole.parts(parts)
    sizes = [len(part) for part in cut]
    assert len(cut) == min(parts, count)
    assert max(sizes) - min(sizes) <= 1
    for name in ("images", "index"):
        assert torch.equal(torch.cat([getattr(p, name) for p in cut]), getattr(whole, name))
    assert torch.equal(torch.cat([p.targets["age"] for p in cut]), whole.targets["age"])
    assert torch.equal(torch.cat([p.weights["age"] for p in cut]), whole.weights["age"])
    assert all(part.step == 4 for part in cut)


def test_to_keeps_everything() -> None:
    moved = batch(3).to("meta")
    assert {t.device.type for t in (moved.images, moved.index, *moved.targets.values())} == {"meta"}
    assert moved.weights["age"].device.type == "meta"
    assert moved.images.dtype == torch.uint8
    assert (moved.bad, moved.step) == ([(99, "gone")], 4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_pin_memory() -> None:
    pinned = batch(3).pin_memory()
    assert pinned.images.is_pinned()
    assert pinned.targets["age"].is_pinned()
    assert Pixels(batch(2).images, np.arange(2), []).pin_memory().images.is_pinned()
