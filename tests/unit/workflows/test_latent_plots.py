"""The picture of S and L is drawn for few attributes and many, used latent tasks or none."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from mtlcli.tasks.latent.objective import Factors
from mtlcli.workflows.latent_plots import plot_latent


@pytest.mark.parametrize(("attributes", "scale"), [(3, 1.0), (80, 1.0), (3, 0.0)])
def test_it_is_drawn(tmp_path: Path, attributes: int, scale: float) -> None:
    factors = Factors(
        torch.randn(9, 4) * scale, torch.randn(4, attributes) * scale, torch.zeros(attributes)
    )
    groups = torch.arange(attributes) % 2
    names = [f"attribute {i}" for i in range(attributes)]
    (path,) = plot_latent(tmp_path / "s.png", factors, names, ["one", "two"], groups)
    with Image.open(path) as picture:
        assert picture.width > picture.height > 100
        assert len(picture.convert("RGB").getcolors(1_000_000) or []) > 20
