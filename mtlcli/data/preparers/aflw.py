"""AFLW: the head pose of 25,993 faces in photographs."""

from math import degrees
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data.preparers import aflw_raw, poses, raw_lines
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces, Index
from mtlcli.data.preparers.imdb_raw import unsafe
from mtlcli.io.column import NEGATE, Column

_ORDER = (poses.FRONTAL, poses.LEFT, poses.RIGHT, poses.RIGHT_PROFILE, poses.LEFT_PROFILE)


class Aflw(Faces):
    """AFLW: the head pose of 25,993 faces in 21,997 photographs.

    From aflw.sqlite, or from faceid.csv, facepose.csv and facerect.csv exported from it. A row is a
    face: its photograph, which stays where it is, and its box. Columns: pose in five classes by
    yaw (frontal below 10 degrees, a profile from 60), and yaw, pitch and roll in degrees. Yaw is
    positive, and the class is right, where the nose points to the right edge of the picture; roll
    and pitch are as published.
    No two splits share a photograph; rows are cut 80/10/10, seeded.

    :param positive: to which edge of the picture the nose points where the raw yaw is positive;
        auto asks the landmarks of aflw.sqlite, and without them takes left.
    """

    title: ClassVar[str] = "AFLW: head pose of 25,993 faces in photographs"
    sources: ClassVar[tuple[str, ...]] = (
        "https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/",
    )
    licence: ClassVar[str] = "non-commercial research only, on request"
    needs: ClassVar[str] = "aflw.sqlite (or its three CSVs) and flickr/*/*.jpg: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root AFLW", "--root AFLW --positive right")
    name: ClassVar[str] = "aflw"
    how: ClassVar[
        str
    ] = """AFLW is not here. Needed: aflw.sqlite and the photographs, on request from
  https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/; non-commercial
  research only. Expected: DIR/data/aflw.sqlite (or DIR/aflw.sqlite), or the tables as CSVs:
  faceid.csv (face_id,file_id), facepose.csv (face_id,roll,pitch,yaw) and
  facerect.csv (face_id,x,y,w,h); and the photographs anywhere below DIR"""

    def __init__(
        self, root: Path | None, out: Path, *, positive: Literal["auto", "left", "right"] = "auto"
    ) -> None:
        super().__init__(root, out)
        self.positive = positive
        self._left = positive != "right"

    def columns(self) -> dict[str, Column]:
        """Pose by yaw, and the three angles."""

        def angle(mirror: str) -> Column:
            return Column("regression", low=-90, high=90, unit="degrees", mirror=mirror)

        # the published order counts frontal, then by the raw yaw 10..60, -60..-10, below, above
        order = _ORDER if self._left else tuple(map(_other_side, _ORDER))
        return {
            "pose": poses.column(order),
            "yaw": angle(NEGATE),
            "pitch": angle(""),
            "roll": angle(NEGATE),
        }

    def read(self, root: Path) -> Scan:
        """The faces of the database, or of the CSVs where there is none.

        :raises DataError: neither is there, or it is of another form.
        """
        database, csvs = aflw_raw.find(root)
        if database is None and not csvs:
            raise self.absent(f"{root} has neither aflw.sqlite nor the three CSVs")
        if self.positive == "auto":
            self._left = self._side(database)
        if database is None:
            annotations = aflw_raw.from_csvs(csvs)
        else:
            annotations = aflw_raw.from_database(database)
        index = Index(root)
        found = Scan()
        for face in annotations.faces:
            outcome = self._face(annotations, face, index)
            if isinstance(outcome, Bad):
                found.bad.append(outcome)
            else:
                found.items.append(outcome)
        return found

    def _side(self, database: Path | None) -> bool:
        told = None if database is None else aflw_raw.positive_is_left(database)
        if told is None:
            console.warn(
                "no landmarks tell which way a positive yaw points; it is taken for the left edge "
                "of the picture: look at preview.jpg, and give --positive right where it is not"
            )
        return told is not False

    def _face(self, annotations: aflw_raw.Annotations, face: str, index: Index) -> Item | Bad:
        file = annotations.faces[face]
        if face in annotations.double:
            return Bad(file, f"{annotations.double[face]}: face {face}")
        if not file:
            return Bad(f"face {face}", "the face has no picture")
        if unsafe(file):
            return Bad(file, unsafe(file))
        angles = raw_lines.numbers(annotations.poses.get(face, ("",) * 3))
        sides = raw_lines.whole(annotations.rects.get(face, ("",) * 4))
        if angles is None or max(map(abs, angles)) > 10:
            return Bad(file, f"the face has no pose: face {face}")
        if sides is None:
            return Bad(file, f"the face has no rectangle: face {face}")
        place = index.find(file)
        if isinstance(place, Bad):
            return place
        x, y, width, height = sides
        return Item(place, self._labels(angles), (x, y, x + width, y + height), place)

    def _labels(self, angles: list[float]) -> dict[str, str]:
        roll, pitch, yaw = map(degrees, angles)
        yaw = -yaw if self._left else yaw
        numbers = {"yaw": yaw, "pitch": pitch, "roll": roll}
        return {"pose": poses.of_yaw(yaw)} | {
            k: f"{round(v, 2) + 0.0:.2f}" for k, v in numbers.items()
        }

    def settings(self) -> dict[str, Any]:
        """Which way a positive raw yaw points."""
        return {"positive": "left" if self._left else "right"}


def _other_side(pose: str) -> str:
    return dict([*poses.MIRROR, *((b, a) for a, b in poses.MIRROR)]).get(pose, pose)
