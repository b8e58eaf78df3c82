"""See whether a machine is fit: each finding says what was looked at, what is there, what to do."""

import importlib
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

_EXTRAS = {
    "simplejpeg": ("fast", "JPEGs are decoded twice as fast"),
    "cv2": ("faces", "finding faces in photographs"),
    "matplotlib": ("plots", "curves and reports"),
    "tensorboard": ("tensorboard", "TensorBoard"),
    "scipy": ("mat", "reading imdb.mat"),
    "h5py": ("nyuv2", "reading NYUv2's labelled .mat"),
    "av": ("video", "reading and writing video"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    grade: Literal["good", "remark", "fault"] = "good"
    hint: str = ""


def examine(folder: Path) -> list[Finding]:
    """Everything that ``mtl doctor`` looks at.

    :param folder: where runs would be written.
    """
    findings = [_python(), _torch()]
    if findings[-1].grade == "good":  # the others need it
        findings += [_torchvision(), _device(), _precision()]
    findings += [_extra(module) for module in _EXTRAS]
    return [*findings, _disk(folder), _memory_for_workers()]


def _python() -> Finding:
    return Finding("Python", sys.version.split()[0])


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as fault:
        return Finding("torch", f"does not import: {fault}", "fault", "pip install torch")
    product = torch.ones(2, 2) @ torch.ones(2, 2)
    return Finding("torch", f"{torch.__version__}, a product of matrices gives {product[0, 0]:g}")


def _torchvision() -> Finding:
    """A CPU build of torch beside torchvision's CUDA build fails with a missing operator."""
    try:
        found = importlib.import_module("torchvision").__version__
    except (ImportError, RuntimeError, OSError) as fault:
        return Finding(
            "torchvision", f"does not import beside this torch: {fault}", "fault",
            "install both from one index: pip install --force-reinstall torch torchvision",
        )  # fmt: skip
    return Finding("torchvision", str(found))


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        return Finding("device", f"{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free")
    found = f"CPU, {torch.get_num_threads()} threads"
    return Finding("device", found, "remark", "no CUDA device is visible; training will be slow")


def _precision() -> Finding:
    import torch

    from mtlcli.engine.precision import resolve

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Finding("precision", f"auto means {resolve('auto', device)} here")


def _extra(module: str) -> Finding:
    extra, use = _EXTRAS[module]
    if importlib.util.find_spec(module) is None:
        return Finding(
            module, f"not installed; needed for: {use}", "remark", f'pip install "mtlcli[{extra}]"'
        )
    try:
        return Finding(module, version("opencv-python-headless" if module == "cv2" else module))
    except PackageNotFoundError:
        return Finding(module, "installed")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 2**30
    if not os.access(folder, os.W_OK):
        return Finding(
            "disk", f"{folder.resolve()} cannot be written", "fault", "change the folder"
        )
    grade: Literal["good", "remark"] = "good" if free > 2 else "remark"
    return Finding("disk", f"{free:.0f} GiB free in {folder.resolve()}", grade)


def _memory_for_workers() -> Finding:
    shm = Path("/dev/shm")
    if not shm.is_dir():
        return Finding("shared memory", "not a Linux system; nothing to check")
    free = shutil.disk_usage(shm).free / 2**20
    if free < 256:
        return Finding(
            "shared memory", f"{free:.0f} MiB", "remark",
            "loader processes need more: docker run --shm-size=2g, or train.workers=0",
        )  # fmt: skip
    return Finding("shared memory", f"{free:.0f} MiB free")
