"""What `mtl gallery build` is given: whose pictures lie where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtlcli.data import clips, video
from mtlcli.errors import DataError, MtlError, UsageError
from mtlcli.workflows.clip_sources import expand_clips, refuse_films
from mtlcli.workflows.sources import Failure, Source, expand, loose_pictures

_FORMS = (
    "give a dataset folder, a folder with one folder per identity, a folder of pictures of one, or "
    "NAME=PATH"
)
_NOBODYS = "it lies beside folders of identities, and whose it is is not said; give NAME=PATH"


@dataclass
class Enrolment:
    """Pictures by identity, and dataset folders whose rows name it."""

    named: list[tuple[str, Source]] = field(default_factory=list)
    datasets: list[Path] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def enrolment(given: Sequence[str], frames: int) -> Enrolment:
    """List what is to be enrolled; reads no pixels.

    :param frames: of a clip that the network looks at; 1: pictures.
    :raises DataError: a path is not there, or nothing is in it.
    :raises UsageError: nothing is given, a file without a name, a picture under two names, or a
        video where pictures are wanted.
    """
    if not given:
        raise UsageError("there is nobody to enrol", hint=_FORMS)
    found = Enrolment()
    for text in dict.fromkeys(given):
        if (Path(text) / "dataset.toml").is_file():
            found.datasets.append(Path(text))
        else:
            for name, place in _places(text, frames, found.failed):
                _add(found, name, place, frames)
    found.datasets = list({folder.resolve(): folder for folder in found.datasets}.values())
    found.named = _once(found.named)
    return found


def _once(named: Sequence[tuple[str, Source]]) -> list[tuple[str, Source]]:
    """Each picture once, where it comes first.

    :raises UsageError: one stands for two identities.
    """
    first: dict[object, tuple[str, Source]] = {}
    for name, source in named:
        place = source.data.resolve() if isinstance(source.data, Path) else source.name
        owner, _ = first.setdefault(place, (name, source))
        if owner != name:
            raise UsageError(
                f"{source.name} cannot be both {owner} and {name}",
                hint="give each picture under one name",
            )
    return list(first.values())


def _places(text: str, frames: int, failed: list[Failure]) -> list[tuple[str, Path]]:
    """Identities, and where their pictures lie; pictures beside their folders are nobody's."""
    path, (name, sign, rest) = Path(text), text.partition("=")
    if not path.exists() and sign:
        if not name.strip():
            raise UsageError(f"{text!r} names nobody", hint=_FORMS)
        return [(name, Path(rest))]
    if path.is_file():
        raise UsageError(f"who is {text}?", hint=f"NAME={text}")
    if not path.is_dir():
        raise DataError(f"there is no {text}", hint=_FORMS)
    inner = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not inner or (frames > 1 and _is_clip(path)):
        return [(path.resolve().name, path)]
    loose = loose_pictures(path) if frames == 1 else filter(video.is_video, path.iterdir())
    failed += [Failure(str(one), _NOBODYS) for one in sorted(loose)]
    return [(folder.name, folder) for folder in inner]


def _is_clip(path: Path) -> bool:
    try:
        return bool(clips.frame_paths(path))
    except MtlError:
        return False


def _add(found: Enrolment, name: str, place: Path, frames: int) -> None:
    refuse_films(frames, [str(place)])
    listed = expand([str(place)]) if frames == 1 else expand_clips([str(place)], frames)
    found.named += [(name, source) for source in listed.items]
    found.failed += listed.failed
