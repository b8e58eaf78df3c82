"""Speed and memory of the input pipeline; see ``--help``.

1. One core, one picture after another: file → 128 px, against Pillow's decode and resize.
2. The training loader with augmentation, for several numbers of worker processes.
3. The same frames as clips (folders and videos) and as single pictures, one core.
4. How much memory a worker process gains over an epoch, for a small and a large split.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import PIL
import torch
from PIL import Image, ImageDraw

from mtlcli.data import decode
from mtlcli.data.geometry import Framing
from mtlcli.data.loader import train_loader
from mtlcli.data.rows import Rows
from mtlcli.data.tables import LabelArrays
from mtlcli.data.transforms import Augment
from mtlcli.data.video_out import Writer

TURN = 25  # pictures
AUGMENT = Augment(
    flip=0.5, scale=(0.8, 1.0), shift=0.1, brightness=0.2, contrast=0.2, saturation=0.2, erase=0.1
)


def draw_faces(folder: Path, count: int, side: int, seed: int) -> list[Path]:
    """Ovals on noisy ground as JPEGs: about the size and detail of a face crop."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        ground = rng.normal(rng.uniform(60, 190, 3), 12, (side // 4, side // 4, 3))
        image = Image.fromarray(ground.clip(0, 255).astype(np.uint8)).resize((side, side))
        pen = ImageDraw.Draw(image)
        x, y, r = side * rng.uniform([0.4, 0.4, 0.25], [0.6, 0.6, 0.4])
        pen.ellipse((x - r, y - 1.2 * r, x + r, y + 1.2 * r), tuple(rng.integers(60, 240, 3)))
        for eye in (-0.4, 0.4):
            pen.ellipse((x + eye * r - 6, y - 12, x + eye * r + 6, y), "black")
        pen.arc((x - r / 2, y, x + r / 2, y + r / 1.5), 20, 160, "darkred", 5)
        paths.append(folder / f"{number:05d}.jpg")
        image.save(paths[-1], quality=75)
    return paths


def make_rows(paths: Sequence[Path], size: int, augment: Augment | None) -> Rows:
    """Rows with two drawn tasks."""
    count = len(paths)
    label = LabelArrays(np.arange(count) % 2, np.ones(count, bool))
    names = [str(path) for path in paths]
    return Rows("", names, {"a": label, "b": label}, Framing((size, size)), augment=augment)


def ours(rows: Rows) -> Callable[[int], object]:
    """Decode, view, resize, into the place of a batch."""
    assert rows.framing.size is not None
    images = torch.empty((64, 3, *rows.framing.size), dtype=torch.uint8)

    def one(index: int) -> None:
        images[index % 64] = rows.sample(0, index).image

    return one


def plain(rows: Rows) -> Callable[[int], object]:
    """What a plain loader does: Pillow's decode and resize, channels first, into a batch."""
    assert rows.framing.size is not None
    (size, _) = rows.framing.size
    images = np.empty((64, 3, size, size), np.uint8)

    def one(index: int) -> None:
        with Image.open(rows.path(index)) as image:
            small = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
        images[index % 64] = np.asarray(small).transpose(2, 0, 1)

    return one


def cpu_seconds(one: Callable[[int], object], indices: Sequence[int]) -> float:
    """CPU time of some pictures, one after another."""
    began = time.process_time()
    for index in indices:
        one(index)
    return time.process_time() - began


def spread(values: Sequence[float]) -> dict[str, float]:
    """The figures worth telling."""
    low, *_, high = sorted(values)
    return {"min": low, "median": statistics.median(values), "max": high}


def per_core(paths: Sequence[Path], size: int, repeats: int) -> dict[str, Any]:
    """The ways take turns every few pictures, so that another load on the machine strikes all."""
    rows, augmented = make_rows(paths, size, None), make_rows(paths, size, AUGMENT)
    ways = {"ours": ours(rows), "pillow": plain(rows), "ours, augmented": ours(augmented)}
    passes: dict[str, list[float]] = {name: [] for name in ways}
    turns = [range(a, min(a + TURN, len(paths))) for a in range(0, len(paths), TURN)]
    for one in ways.values():
        cpu_seconds(one, turns[0])
    for _ in range(repeats):
        taken = dict.fromkeys(ways, 0.0)
        for turn in turns:
            for name, one in ways.items():
                taken[name] += cpu_seconds(one, turn)
        for name, seconds in taken.items():
            passes[name].append(seconds / len(paths))
    ratios = [p / o for p, o in zip(passes["pillow"], passes["ours"], strict=True)]
    return {
        "images_per_second": {n: spread([1 / s for s in values]) for n, values in passes.items()},
        "ours_over_pillow": spread(ratios),
    }


def as_clips(
    paths: Sequence[Path], folder: Path, size: int, frames: int, repeats: int
) -> dict[str, Any]:
    """Frames per second of CPU time: clips of so many frames, as folders, as videos of those frames
    and of ten times as many; and the frames as pictures.
    """
    count = len(paths) // frames
    parts = [paths[number * frames : (number + 1) * frames] for number in range(count)]
    made = {
        "clips": [_linked(part, folder / f"clip{n:05d}") for n, part in enumerate(parts)],
        "videos": [_filmed(part, folder / f"{n:05d}.mp4") for n, part in enumerate(parts)],
        "videos of ten times the frames": [
            _filmed([path for path in part for _ in range(10)], folder / f"long{n:05d}.mp4")
            for n, part in enumerate(parts)
        ],
    }
    label = LabelArrays(np.arange(count) % 2, np.ones(count, bool))
    passes: dict[str, list[float]] = {}
    for augment, name in ((None, ""), (AUGMENT, ", augmented")):
        framing = Framing((size, size), frames=frames)
        ways = {
            kind: Rows("", [str(clip) for clip in clips], {"a": label}, framing, augment=augment)
            for kind, clips in made.items()
        }
        alone = make_rows(paths[: count * frames], size, augment)
        for _ in range(repeats):
            for number in range(count):  # in turns, so that another load strikes both
                each = np.arange(number * frames, (number + 1) * frames)
                turn = [(kind, rows, np.array([number])) for kind, rows in ways.items()]
                for kind, rows, wanted in [*turn, ("pictures", alone, each)]:
                    began = time.process_time()
                    rows[0, wanted]  # a batch, as a worker process makes it
                    taken = time.process_time() - began
                    passes.setdefault(kind + name, []).append(taken / frames)
    rates = {name: 1 / statistics.mean(values) for name, values in passes.items()}
    return {
        "frames": frames,
        "frames_per_second": rates,
        "over_pictures": {
            name + end: rates[name + end] / rates["pictures" + end]
            for name in made
            for end in ("", ", augmented")
        },
    }


def _linked(paths: Sequence[Path], clip: Path) -> Path:
    clip.mkdir()
    for path in paths:
        os.link(path, clip / path.name)
    return clip


def _filmed(paths: Sequence[Path], video: Path) -> Path:
    writer = Writer(video, 30.0)
    for path in paths:
        writer.add(decode.read_rgb(path))
    writer.close()
    return video


def throughput(paths: Sequence[Path], size: int, workers: int, batch: int) -> float:
    """Images per second of wall time of an augmented epoch, after one warm-up epoch."""
    loader = train_loader(make_rows(paths, size, AUGMENT), batch=batch, seed=0, workers=workers)
    for _ in loader.epoch(0):
        pass
    began = time.perf_counter()
    count = sum(len(part) for part in loader.epoch(1))
    return count / (time.perf_counter() - began)


def _private_bytes(pid: int) -> int:
    """Memory that a process shares with no other (Linux)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0].startswith("Private"))


def _children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text(encoding="utf-8").split()]


def growth(path: Path, rows: int) -> dict[str, float]:
    """MB of its own that a worker has after the first batches, and after a whole epoch."""
    loader = train_loader(make_rows([path] * rows, 8, None), batch=100, seed=0, workers=1)
    sizes = []
    before = set(_children())
    for step, _ in enumerate(loader.epoch(0)):
        if step in (5, len(loader) - 1):
            (worker,) = set(_children()) - before
            sizes.append(_private_bytes(worker) / 2**20)
    return {"start_mb": sizes[0], "end_mb": sizes[-1], "growth_mb": sizes[-1] - sizes[0]}


def machine(images: Path | None, seed: int) -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    codec = decode._simplejpeg()
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pillow": PIL.__version__,
        "simplejpeg": getattr(codec, "__version__", "not installed"),
        "images": "real" if images else f"drawn, seed {seed}",
    }


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All parts that were asked for."""
    if args.images:
        paths = sorted(args.images.glob("*.jpg"))[: args.count]
    else:
        paths = draw_faces(folder, args.count, 200, args.seed)
    found: dict[str, Any] = {"machine": machine(args.images, args.seed), "count": len(paths)}
    found["per_core"] = per_core(paths, args.size, args.repeats)
    found["loader_images_per_second"] = {
        workers: throughput(paths, args.size, workers, 64) for workers in args.workers
    }
    if args.frames:
        found["clips"] = as_clips(paths, folder, args.size, args.frames, args.repeats)
    if sys.platform == "linux" and args.rows:
        (tiny,) = draw_faces(folder, 1, 16, args.seed)
        found["worker_memory"] = {rows: growth(tiny, rows) for rows in args.rows}
    return found


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of JPEGs; left out, faces are drawn")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--frames", type=int, default=12, help="of a clip; 0: no clips")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, Path(folder))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
