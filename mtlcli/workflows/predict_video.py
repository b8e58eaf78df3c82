"""Predict through a video or before a camera: each face is followed, its answers are smoothed."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mtlcli import console
from mtlcli.data import video, video_out
from mtlcli.data.annotate import annotate
from mtlcli.data.faces import Detector, detector
from mtlcli.data.video import Frame
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows.checks import plans_of
from mtlcli.workflows.clip_sources import frames_of
from mtlcli.workflows.predict_files import Lines
from mtlcli.workflows.stopping import deferred

if TYPE_CHECKING:
    from mtlcli.engine.predictor import Predictor

Box = tuple[int, int, int, int]

SCHEMA = "mtl.predict.frame/1"
_CAMERA_RATE = 15.0  # frames per second that a camera's film is written with


class _Place(Protocol):
    """Where to look: a face, or the whole frame."""

    @property
    def box(self) -> Box | None: ...
    @property
    def score(self) -> float | None: ...


class _Whole(NamedTuple):
    box: None = None
    score: None = None


_WHOLE = _Whole()


@dataclass(frozen=True)
class Film:
    """What is wanted of a video.

    :param source: a file, or the number of a camera.
    :param out: folder of the film.
    :param every: look at every so many frames; between them the last answers stay.
    :param memory: share of the past in an answer, 0..1.
    :param seconds: end after so many; 0: at the end, for a camera with Ctrl-C.
    """

    source: Path | int
    out: Path = Path()
    whole: bool = False
    film: bool = True
    jsonl: Path | None = None
    detector: Path | None = None
    every: int = 1
    memory: float = 0.8
    seconds: float = 0.0
    device: str = "auto"

    @property
    def name(self) -> str:
        """What the user is shown."""
        return str(self.source) if isinstance(self.source, Path) else f"camera {self.source}"


def watch(wish: Film, model: Path) -> None:
    """Predict every frame, save the film and the lines, and say who was seen.

    :raises DataError: the video cannot be read.
    :raises MissingError: there is no such camera, or PyAV or OpenCV is missing.
    :raises UsageError: the network answers for every pixel, or looks at clips.
    """
    video.require()
    header = checkpoint.read_header(model)
    if any(plan.column.dense for plan in plans_of(header)) or frames_of(header) > 1:
        raise UsageError(
            f"{model} does not answer for single faces or frames, so it cannot watch a video",
            hint="cut the video into pictures; a network for clips takes `mtl predict VIDEO` whole",
        )
    faces = header["images"] == "faces" and not wish.whole
    find = detector(wish.detector) if faces else None
    frames = _frames(wish)
    first = next(frames, None)  # a video that cannot be read is said before torch is imported
    from mtlcli.engine.predictor import Predictor
    from mtlcli.workflows import build

    device = build.pick_device(wish.device)
    loaded = build.load_model(model, device)
    predictor = Predictor(loaded.net, loaded.tasks, loaded.view, device=device)
    with ExitStack() as stack:
        watcher = _Watcher(wish, predictor, find, stack)
        stop = stack.enter_context(deferred())
        for frame in itertools.chain([] if first is None else [first], frames):
            watcher.see(frame)
            if stop.requested:
                break
    watcher.report()


class _Watcher:
    """What is kept from frame to frame, and all that is written."""

    def __init__(
        self, wish: Film, predictor: "Predictor", find: Detector | None, stack: ExitStack
    ) -> None:
        from mtlcli.engine.tracks import Tracker

        self.wish, self.predictor, self.find = wish, predictor, find
        self.film = _writer(wish, stack)
        self.lines = None if wish.jsonl is None else Lines(wish.jsonl)
        if self.lines is not None:
            stack.callback(self.lines.close)
        self.tracker = Tracker()
        self.shown: list[_Shown] = []
        self.frames = 0
        self.known: dict[int, _Shown] = {}
        self.looks: Counter[int] = Counter()

    def see(self, frame: Frame) -> None:
        """Look at a frame where it is its turn; draw it."""
        if frame.index % self.wish.every == 0:
            self.shown = self._looked(frame)
            for one in self.shown:
                self.known[one.track] = one
                self.looks[one.track] += 1
            if self.lines is not None:
                self.lines.write(self._line(frame))
        if self.film is not None:
            self.film.add(self._drawn(frame))
        self.frames = frame.index + 1

    def _looked(self, frame: Frame) -> "list[_Shown]":
        """Follow the faces of a frame and ask the network about them."""
        from mtlcli.engine.tracks import smooth

        found: list[_Place] = [_WHOLE] if self.find is None else [*self.find(frame.pixels)]
        tracks = self.tracker.follow([face.box for face in found])
        if not tracks:
            return []
        views = np.stack([self.predictor.view(frame.pixels, face.box) for face in found])
        outputs, tasks = self.predictor.outputs(views), self.predictor.tasks
        shown = []
        for row, (track, face) in enumerate(zip(tracks, found, strict=True)):
            now = {name: output[row : row + 1] for name, output in outputs.items()}
            smooth(track, now, tasks, self.wish.memory)
            said = {name: task.decode(track.outputs[name])[0] for name, task in tasks.items()}
            words = [task.caption(said[name]) for name, task in tasks.items()]
            shown.append(_Shown(track.number, face.box, face.score, said, words))
        return shown

    def _line(self, frame: Frame) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "video": self.wish.name,
            "frame": frame.index,
            "seconds": round(frame.seconds, 3),
            "faces": [one.plain() for one in self.shown],
        }

    def _drawn(self, frame: Frame) -> np.ndarray:
        boxes = [one.box for one in self.shown]
        words = [[f"#{one.track}"] * (one.box is not None) + one.words for one in self.shown]
        return np.asarray(annotate(frame.pixels, boxes, words))

    def report(self) -> None:
        """Say what was seen, one line per track."""
        saved = str(self.film.path) if self.film is not None and self.frames else None
        console.emit({
            "schema": "mtl.predict.video/1", "video": self.wish.name, "frames": self.frames,
            "tracks": [one.plain() | {"looks": self.looks[n]} for n, one in self.known.items()],
            "saved": saved,
        })  # fmt: skip
        for number, one in self.known.items():
            console.result(f"#{number}: {', '.join(one.words)}  ({self.looks[number]} looks)")
        if not self.known:
            console.result("no face was seen; --whole predicts from the whole frames")
        if saved:
            console.result(f"{self.frames} frames, saved {saved}")


@dataclass(frozen=True)
class _Shown:
    """A face as it is shown until the next look."""

    track: int
    box: Box | None
    score: float | None
    tasks: dict[str, dict[str, Any]]
    words: list[str]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        box = None if self.box is None else list(self.box)
        return {"track": self.track, "box": box, "score": self.score, "tasks": self.tasks}


def _frames(wish: Film) -> Iterator[Frame]:
    frames = (
        video.frames(wish.source) if isinstance(wish.source, Path) else
        video_out.filmed(wish.source)
    )  # fmt: skip
    if not wish.seconds:
        return frames
    return itertools.takewhile(lambda frame: frame.seconds <= wish.seconds, frames)


def _writer(wish: Film, stack: ExitStack) -> video_out.Writer | None:
    if not wish.film:
        return None
    rate, stem = _CAMERA_RATE, "camera"
    if isinstance(wish.source, Path):
        rate, stem = video_out.rate_of(wish.source), wish.source.stem
    film = video_out.Writer(wish.out / f"{stem}-mtl.mp4", rate)
    stack.callback(film.close)
    return film
