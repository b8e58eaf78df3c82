"""``mtl prepare imdb`` per core, against decoding, cropping and resizing at full size.

Both read the same synthetic photographs from the disk, cut the same squares about the same boxes,
reduce them to the same size by the same filter and write JPEGs of the same quality. The plain way
is what one writes first: Pillow decodes the whole photograph, NumPy cuts, Pillow reduces. It has to
agree on every box, and nearly on the pixels.

    python benchmarks/prepare_imdb.py --pictures 60 --repeats 5
"""

import argparse
import io
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, features

from mtlcli.data.preparers.base import Item
from mtlcli.data.preparers.imdb import Face, Imdb

Box = tuple[int, int, int, int]
MARGIN, SIDE, QUALITY = 0.4, 256, 90
TARGET = 3.0


def photograph(rng: np.random.Generator, width: int, height: int, noise: float) -> Image.Image:
    """Smooth shapes of several sizes, and noise as of a sensor."""
    pixels = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((6, 110.0), (40, 60.0), (200, 25.0)):
        small = rng.random((cells, max(1, cells * width // height), 3)).astype(np.float32)
        coarse = Image.fromarray((small * 255).astype(np.uint8))
        pixels += (
            np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / 255 * weight
        )
    pixels += 30 + rng.normal(0, noise, (height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def face_box(rng: np.random.Generator, width: int, height: int) -> Box:
    """A box that names its last pixel's end; 12 to 45 % of the shorter side wide."""
    wide = int(rng.uniform(0.12, 0.45) * min(width, height))
    high = int(wide * rng.uniform(1.0, 1.35))
    left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
    return left, top, left + wide, top + high


def make_photographs(folder: Path, options: argparse.Namespace) -> tuple[list[Face], float]:
    """The rows, and the mean number of megapixels."""
    rng = np.random.default_rng(options.seed)
    rows, pixels = [], 0
    for k in range(options.pictures):
        long = int(rng.integers(options.smallest, options.largest + 1))
        short = max(64, int(long * rng.uniform(0.66, 0.8)))
        width, height = (long, short) if rng.random() < 0.5 else (short, long)
        name = f"{k % 100:02}/nm{k:07}_rm{k}_1980-1-1_2010.jpg"
        path = folder / "imdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(rng, width, height, options.noise).save(path, quality=90)
        box = face_box(rng, width, height)
        rows.append(Face(f"imdb/{name}", {}, box, target=name))
        pixels += width * height
    return rows, pixels / options.pictures / 1e6


def plain(root: Path, out: Path, row: Face) -> Box:
    """Decode all, cut, reduce, write: the square about the box, as far as the photograph goes."""
    image = Image.open(root / row.image).convert("RGB")
    pixels = np.array(image)
    height, width = pixels.shape[:2]
    assert row.box is not None
    x0, y0, x1, y1 = row.box
    square = max(1, round(max(x1 - x0, y1 - y0) * (1 + 2 * MARGIN)))
    left = math.floor((x0 + x1) / 2 - square / 2 + 0.5)
    top = math.floor((y0 + y1) / 2 - square / 2 + 0.5)
    right, bottom = min(left + square, width), min(top + square, height)
    left, top = max(left, 0), max(top, 0)
    crop = pixels[top:bottom, left:right]
    scale = min(1.0, SIDE / max(crop.shape[:2]))
    size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
    small = Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR)
    path = out / row.target
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, quality=QUALITY)
    across, down = size[0] / crop.shape[1], size[1] / crop.shape[0]
    return (
        round((x0 - left) * across), round((y0 - top) * down),
        round((x1 - left) * across), round((y1 - top) * down),
    )  # fmt: skip


def timed(
    work: Callable[[Path, Face], Box], rows: Sequence[Face], root: Path
) -> tuple[float, list[Box], Path]:
    """Photographs per second of processor time, into a fresh folder."""
    out = Path(tempfile.mkdtemp(dir=root))
    began = time.process_time()
    boxes = [work(out, row) for row in rows]
    return len(rows) / (time.process_time() - began), boxes, out


def ours(root: Path, reduced: bool) -> Callable[[Path, Face], Box]:
    """One row of the preparer."""

    def work(out: Path, row: Face) -> Box:
        made = Imdb(root, out, margin=MARGIN, side=SIDE, quality=QUALITY, reduced=reduced).make(row)
        assert isinstance(made, Item) and made.box is not None, made
        return made.box

    return work


def difference(one: Path, two: Path, rows: Sequence[Face]) -> float:
    """Mean absolute difference of the crops in 8-bit levels."""

    def pixels(path: Path) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(path.read_bytes()))).astype(int)

    return statistics.fmean(
        float(np.abs(pixels(one / "images" / r.target) - pixels(two / r.target)).mean())
        for r in rows
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--smallest", type=int, default=1024, help="longer side in pixels")
    parser.add_argument("--largest", type=int, default=3000)
    parser.add_argument("--noise", type=float, default=3.0, help="in 8-bit levels")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def versions() -> str:
    """The machine and what does the work."""
    try:
        import simplejpeg

        fast = f"simplejpeg {simplejpeg.__version__}"
    except ImportError:
        fast = "no simplejpeg"
    chip = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor(),
    )
    return (
        f"{chip}; Python {platform.python_version()}, Pillow {PIL.__version__} "
        f"(libjpeg-turbo {features.version('libjpeg_turbo')}), NumPy {np.__version__}, {fast}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def spread(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):7.1f} /s  ({min(rates):.1f} to {max(rates):.1f})"


def main() -> None:
    options = arguments()
    print(versions())
    with tempfile.TemporaryDirectory(prefix="mtl-bench-") as name:
        root = Path(name)
        rows, megapixels = make_photographs(root, options)
        size = statistics.fmean((root / row.image).stat().st_size for row in rows)
        print(
            f"{len(rows)} photographs of {megapixels:.1f} megapixels and {size / 1e3:.0f} kB on "
            f"average, seed {options.seed}; one process, processor time, {options.repeats} repeats"
        )
        ways = {
            "plain, full size": lambda out, row: plain(root, out, row),
            "mtl, full size": ours(root, False),
            "mtl": ours(root, True),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.repeats):  # interleaved, so that all see the same neighbours
            made = {way: timed(work, rows, root) for way, work in ways.items()}
            for way, (rate, _, _) in made.items():
                rates[way].append(rate)
        report(rates, made, rows)


def report(
    rates: dict[str, list[float]],
    made: dict[str, tuple[float, list[Box], Path]],
    rows: Sequence[Face],
) -> None:
    base = rates["plain, full size"]
    for way, found in rates.items():
        ratios = [one / two for one, two in zip(found, base, strict=True)]
        print(f"{way:18}{spread(found)}  {statistics.median(ratios):5.2f} x plain")
    boxes = [boxes for _, boxes, _ in made.values()]
    print(f"boxes equal: {all(one == boxes[0] for one in boxes)}")
    truth = made["plain, full size"][2]
    for way in ("mtl, full size", "mtl"):
        print(f"pixels of {way}: {difference(made[way][2], truth, rows):.2f} levels from plain")
    ratio = statistics.median(one / two for one, two in zip(rates["mtl"], base, strict=True))
    print(f"target {TARGET:g} x: {'reached' if ratio >= TARGET else 'missed'} ({ratio:.2f} x)")


if __name__ == "__main__":
    main()
