"""Which face of a frame is which of the last one, and what a network says of it over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlcli.tasks.base import Task
from mtlcli.tasks.completable import Completable

Box = tuple[int, int, int, int]
Outputs = dict[str, Tensor]


@dataclass
class Track:
    """One face (or the whole picture) through the frames.

    :param number: from 1, in the order in which tracks begin.
    :param box: where it was seen last; None: the whole picture.
    :param outputs: task → the smoothed output ``[1, ...]``.
    :param unseen: frames since it was seen.
    """

    number: int
    box: Box | None
    outputs: Outputs = field(default_factory=dict)
    unseen: int = 0


class Tracker:
    """Joins boxes over frames by how much they overlap (as SORT does, without motion).

    :param overlap: the least intersection over union of one face in two frames.
    :param patience: frames after which an unseen face is forgotten.
    """

    def __init__(self, overlap: float = 0.3, patience: int = 15) -> None:
        self.overlap, self.patience = overlap, patience
        self.tracks: list[Track] = []
        self.begun = 0

    def follow(self, boxes: Sequence[Box | None]) -> list[Track]:
        """The track of every box of a frame, in their order; the best pairs are joined first."""
        pairs = [
            (shared, t, b)
            for t, track in enumerate(self.tracks)
            for b, box in enumerate(boxes)
            if (shared := iou(track.box, box)) >= self.overlap
        ]
        joined: dict[int, Track] = {}
        taken: set[int] = set()
        for _, t, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if t not in taken and b not in joined:
                taken.add(t)
                joined[b] = self.tracks[t]
        for index, track in enumerate(self.tracks):
            track.unseen = 0 if index in taken else track.unseen + 1
        self.tracks = [track for track in self.tracks if track.unseen <= self.patience]
        return [self._seen(joined.get(b), box) for b, box in enumerate(boxes)]

    def _seen(self, track: Track | None, box: Box | None) -> Track:
        if track is None:
            self.begun += 1
            track = Track(self.begun, box)
            self.tracks.append(track)
        track.box = box
        return track


def iou(one: Box | None, two: Box | None) -> float:
    """Intersection over union; whole pictures are one and the same."""
    if one is None or two is None:
        return float(one is two)
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    shared = max(0, width) * max(0, height)
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, two)) - shared
    return shared / union if union else 0.0


def smooth(
    track: Track, outputs: Mapping[str, Tensor], tasks: Mapping[str, Task], memory: float
) -> None:
    """Let the track's answers move towards what the network says now.

    Of classes the probabilities are averaged, of anything else the outputs.

    :param outputs: task → ``[1, ...]`` of this frame.
    :param memory: share of the past, 0..1 below 1; 0 takes each frame alone.
    """
    for name, now in outputs.items():
        past = track.outputs.get(name)
        if past is None:
            track.outputs[name] = now
        elif _has_classes(tasks[name]):
            mean = torch.lerp(now.float().softmax(1), past.float().softmax(1), memory)
            track.outputs[name] = mean.clamp_min(1e-12).log()
        else:
            track.outputs[name] = torch.lerp(now, past, memory)


def _has_classes(task: Task) -> bool:
    return isinstance(task, Completable) and task.answers == "classes"
