"""Furniture of invented rooms: tables, chairs, sofas, beds, cabinets and shelves."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

from mtlcli.data.preparers.room_objects import book_row, screen, small_thing, table_lamp
from mtlcli.data.preparers.room_parts import Part, Spot, Thing, block, drum, egg, legs
from mtlcli.data.preparers.room_textures import Material, material

_SOLID = ("plain", "plain", "wood", "wood", "speckle", "planks")
_CLOTH = ("plain", "plain", "speckle", "stripes", "plaid", "checks", "dots", "damask")


def chair(draw: random.Random, look: Material, cloth: Material) -> Thing:
    """With a back of a board, of slats or of bars."""
    w, d, seat = draw.uniform(0.4, 0.5), draw.uniform(0.4, 0.48), draw.uniform(0.42, 0.48)
    back, lean = draw.uniform(0.38, 0.55), draw.uniform(-0.2, -0.05)
    parts = legs((w, d, seat), 0.05, look, round_=draw.random() < 0.4)
    parts.append(block((0, 0, seat), (w, d, 0.05), cloth))
    y = d / 2
    style = draw.random()
    if style < 0.4:
        parts.append(block((0, y, seat + 0.02), (w, 0.045, back), cloth, tilt=lean))
        return Thing("chair", parts, (w, d + 0.1, seat + back))
    for x in (-w / 2 + 0.025, w / 2 - 0.025):
        parts.append(block((x, y, seat), (0.045, 0.045, back), look, tilt=lean, casts=False))
    if style < 0.7:
        for z in (0.3, 0.62, 0.94):
            at = (0, y - lean * (z - 0.5) * back, seat + z * back - 0.07)
            parts.append(block(at, (w, 0.035, 0.08), look, tilt=lean))
        return Thing("chair", parts, (w, d + 0.1, seat + back))
    parts.append(block((0, y - lean * back / 2, seat + back - 0.08), (w, 0.05, 0.1), look))
    for x in (-0.1, 0, 0.1):
        parts.append(block((x, y, seat), (0.03, 0.03, back), look, tilt=lean, casts=False))
    return Thing("chair", parts, (w, d + 0.1, seat + back))


def office_chair(draw: random.Random) -> Thing:
    """On one leg with a foot of five arms, some with armrests."""
    look, cloth = material(draw, _SOLID), material(draw, _CLOTH)
    w, seat, back = draw.uniform(0.46, 0.54), draw.uniform(0.44, 0.5), draw.uniform(0.45, 0.65)
    parts = [drum((0, 0, 0.1), (0.035, 0.035), seat - 0.1, look)]
    foot = (0.6, 0.06, 0.05)
    parts += [block((0, 0, 0.05), foot, look, yaw=index * math.pi / 3) for index in range(3)]
    parts.append(block((0, 0, seat), (w, w, 0.09), cloth))
    parts.append(block((0, w / 2, seat + 0.15), (w * 0.92, 0.07, back), cloth, tilt=-0.12))
    parts.append(block((0, w / 2, seat - 0.02), (0.07, 0.04, 0.3), look, tilt=-0.1, casts=False))
    if draw.random() < 0.6:
        for x in (-w / 2 - 0.02, w / 2 + 0.02):
            parts.append(block((x, 0, seat + 0.2), (0.06, 0.3, 0.04), look))
            parts.append(block((x, 0, seat), (0.04, 0.05, 0.2), look, casts=False))
    return Thing("chair", parts, (0.65, 0.65, seat + back))


def any_chair(draw: random.Random) -> Thing:
    """Of any style."""
    if draw.random() < 0.25:
        return office_chair(draw)
    return chair(draw, material(draw, _SOLID), material(draw, _SOLID + _CLOTH))


def _table(draw: random.Random, size: tuple[float, float, float], round_: bool) -> list[Part]:
    w, d, h = size
    top, look = material(draw, _SOLID), material(draw, _SOLID)
    if draw.random() < 0.6:
        look = top
    thick = draw.uniform(0.03, 0.06)
    if round_:
        return [
            drum((0, 0, h - thick), (w / 2, w / 2), thick, top),
            drum((0, 0, 0.04), (0.06, 0.05), h - 0.04 - thick, look),
            drum((0, 0, 0), (w / 4, w / 6), 0.05, look),
        ]
    leg = (w - 0.04, d - 0.04, h - thick)
    parts = legs(leg, draw.uniform(0.04, 0.09), look, round_=draw.random() < 0.3)
    parts.append(block((0, 0, h - thick), (w, d, thick), top))
    if draw.random() < 0.6:
        parts.append(block((0, 0, h - thick - 0.08), (w - 0.1, d - 0.1, 0.08), look, casts=False))
    return parts


def dining_table(draw: random.Random) -> Thing:
    """With chairs around it; its footprint covers them."""
    round_ = draw.random() < 0.3
    w, h = draw.uniform(1.3, 1.9), draw.uniform(0.72, 0.78)
    w, d = (w * 0.75,) * 2 if round_ else (w, draw.uniform(0.8, 1.0))
    thing = Thing("table", _table(draw, (w, d, h), round_), (w + 0.9, d + 1.1, h), "dining table")
    look, cloth, style = material(draw, _SOLID), material(draw, _SOLID + _CLOTH), draw.random()
    sides = (-0.25, 0.25) if not round_ and w > 1.4 else (0.0,)
    places = [(x * w, -d / 2 - 0.1, math.pi) for x in sides]
    places += [(x * w, d / 2 + 0.1, 0) for x in sides]
    places += [(-w / 2 - 0.1, 0, math.pi / 2), (w / 2 + 0.1, 0, -math.pi / 2)]
    for x, y, yaw in places:
        if draw.random() < 0.8:
            one = chair(random.Random(style), look, cloth)
            away = draw.uniform(0.9, 1.25)
            spot = Spot(x * away, y * away, 0, yaw + draw.gauss(0, 0.15))
            thing.carries.append((one, spot))
    for _ in range(draw.choice((0, 1, 1, 2))):
        spot = Spot(draw.uniform(-0.3, 0.3) * w, draw.uniform(-0.2, 0.2) * d, h, draw.random())
        thing.carries.append((small_thing(draw), spot))
    return thing


def desk(draw: random.Random) -> Thing:
    """With a screen on it and a chair before it."""
    w, d, h = draw.uniform(1.1, 1.7), draw.uniform(0.6, 0.8), draw.uniform(0.72, 0.76)
    look = material(draw, _SOLID)
    parts = [block((0, 0, h - 0.04), (w, d, 0.04), look)]
    if draw.random() < 0.5:
        parts.append(block((-w / 2 + 0.22, 0, 0), (0.42, d - 0.06, h - 0.04), material(draw)))
    else:
        parts.append(block((-w / 2 + 0.02, 0, 0), (0.04, d, h - 0.04), look))
    parts.append(block((w / 2 - 0.02, 0, 0), (0.04, d, h - 0.04), look))
    thing = Thing("table", [], (w + 0.1, d + 0.7, h + 0.45), "desk")
    shift = 0.3  # the footprint covers the chair, which stands before the desk
    for part in parts:
        x, y, z = part.centre
        thing.parts.append(replace(part, centre=(x, y + shift, z)))
    x = draw.uniform(-0.15, 0.15) * w
    turn = draw.gauss(0, 0.15)
    thing.carries.append((screen(draw), Spot(x, shift + d / 4, h, turn)))
    seat = office_chair(draw) if draw.random() < 0.65 else any_chair(draw)
    spot = Spot(x, shift - d / 2 - draw.uniform(0.0, 0.3), 0, math.pi + draw.gauss(0, 0.5))
    thing.carries.append((seat, spot))
    if draw.random() < 0.5:
        lamp = table_lamp(draw)
        thing.carries.append((lamp, Spot(0.38 * w, shift + d / 5, h)))
    if draw.random() < 0.6:
        thing.carries.append((small_thing(draw), Spot(-0.38 * w, shift, h, draw.random())))
    return thing


def low_table(draw: random.Random) -> Thing:
    """A coffee table, sometimes with something on it."""
    w, d, h = draw.uniform(0.7, 1.2), draw.uniform(0.5, 0.7), draw.uniform(0.34, 0.5)
    round_ = draw.random() < 0.35
    d = w if round_ else d
    thing = Thing("table", _table(draw, (w, d, h), round_), (w, d, h))
    if draw.random() < 0.6:
        spot = Spot(draw.uniform(-0.2, 0.2) * w, draw.uniform(-0.2, 0.2) * d, h, draw.random())
        thing.carries.append((small_thing(draw), spot))
    return thing


def sofa(draw: random.Random) -> Thing:
    """One to three seats between two arms, with cushions."""
    seats = draw.choice((1, 2, 2, 3, 3))
    arm, d, seat = draw.uniform(0.14, 0.24), draw.uniform(0.8, 0.95), draw.uniform(0.38, 0.46)
    w = seats * draw.uniform(0.58, 0.7) + 2 * arm
    high, armrest = seat + draw.uniform(0.35, 0.5), seat + draw.uniform(0.12, 0.22)
    cloth, foot = material(draw, _CLOTH), draw.choice((0.0, 0.08, 0.14))
    second = cloth if draw.random() < 0.7 else material(draw, _CLOTH)
    parts = legs((w, d, foot), 0.06, material(draw, _SOLID)) if foot else []
    parts.append(block((0, 0, foot), (w, d, seat - 0.14 - foot), cloth))
    parts.append(block((0, d / 2 - 0.12, foot), (w, 0.22, high - foot), cloth))
    inner, each = w - 2 * arm, (w - 2 * arm) / seats
    for sign in (-1, 1):
        size = (arm, d, armrest - foot)
        parts.append(block((sign * (w - arm) / 2, 0, foot), size, cloth))
    for index in range(seats):
        x = (index + 0.5) * each - inner / 2
        size = (each - 0.03, d - 0.3, 0.15)
        parts.append(block((x, -0.12, seat - 0.15), size, second, casts=False))
        size = (each - 0.04, 0.16, high - seat - 0.04)
        parts.append(block((x, d / 2 - 0.32, seat), size, second, tilt=-0.15))
    if draw.random() < 0.7:
        for sign in draw.choice(((-1,), (1,), (-1, 1))):
            at = (sign * (inner / 2 - 0.22), d / 2 - 0.5, seat)
            look = material(draw, _CLOTH)
            parts.append(egg(at, (0.44, 0.2, 0.42), look, tilt=-0.35, yaw=sign * 0.4))
    return Thing("sofa", parts, (w, d, high), "sofa")


def bed(draw: random.Random) -> Thing:
    """A frame, a mattress, a blanket, one or two pillows and a board at the head."""
    wide = draw.random() < 0.55
    w, d, h = (
        draw.uniform(1.4, 1.8) if wide else draw.uniform(0.9, 1.1),
        2.05,
        draw.uniform(0.2, 0.36),
    )
    frame, sheet, blanket = (
        material(draw, _SOLID),
        material(draw, _CLOTH, 0.5),
        material(draw, _CLOTH),
    )
    low = draw.choice((0.0, 0.0, 0.12))
    parts = legs((w, d, low), 0.08, frame) if low else []
    parts.append(block((0, 0, low), (w, d, h - low), frame))
    parts.append(block((0, 0, h), (w - 0.06, d - 0.08, 0.2), sheet))
    long, over = draw.uniform(0.55, 0.75) * d, draw.uniform(0.0, 0.12)
    size = (w + 0.02, long, 0.2 + over)
    parts.append(block((0, -(d - long) / 2 - 0.01, h + 0.03 - over), size, blanket))
    head = draw.uniform(0.75, 1.2)
    parts.append(block((0, d / 2 + 0.03, 0), (w + 0.06, 0.07, head), frame))
    if draw.random() < 0.35:
        parts.append(block((0, -d / 2 - 0.03, 0), (w + 0.04, 0.06, h + 0.3), frame))
    cloth = sheet if draw.random() < 0.5 else material(draw, _CLOTH, 0.3)
    for x in (-w / 4, w / 4) if wide else (0.0,):
        size = (0.62, 0.42, 0.17)
        parts.append(
            egg((x, d / 2 - 0.32, h + 0.17), size, cloth, tilt=-0.2, yaw=draw.gauss(0, 0.1))
        )
    return Thing("bed", parts, (w + 0.1, d + 0.15, head), "bed")


def low_cabinet(draw: random.Random) -> Thing:
    """A sideboard or a chest of drawers, with small things, a lamp or a screen on it."""
    w, d, h = draw.uniform(0.7, 1.7), draw.uniform(0.38, 0.5), draw.uniform(0.5, 1.0)
    look = material(draw)
    parts = [block((0, 0, 0.06), (w, d, h - 0.09), look)]
    parts.append(block((0, 0.02, 0), (w - 0.06, d - 0.08, 0.06), look, casts=False))
    parts.append(block((0, 0, h - 0.03), (w + 0.03, d + 0.03, 0.03), look, casts=False))
    knob = material(draw, ("plain",))
    rows, columns = draw.choice((1, 2, 3)), draw.choice((2, 2, 3))
    front, gap, z = material(draw, (*_SOLID, "doors")), 0.02, 0.09
    each = ((w - gap) / columns - gap, (h - 0.14) / rows - gap)
    for column in range(columns):
        for row in range(rows):
            x = (column + 0.5) * (w - gap) / columns - (w - gap) / 2
            at = (x, -d / 2 - 0.008, z + row * (each[1] + gap))
            parts.append(block(at, (each[0], 0.022, each[1]), front, casts=False))
            at = (x, -d / 2 - 0.03, at[2] + each[1] / 2)
            parts.append(egg(at, (0.04, 0.04, 0.04), knob, casts=False))
    thing = Thing("cabinet", parts, (w, d, h))
    choice = draw.random()
    if choice < 0.3:
        thing.carries.append((screen(draw, draw.uniform(0.5, 0.9) * min(w, 1.3)), Spot(0, 0.05, h)))
    elif choice < 0.8:
        made: Callable[[random.Random], Thing] = table_lamp if choice < 0.5 else small_thing
        thing.carries.append((made(draw), Spot(draw.uniform(-0.3, 0.3) * w, 0, h, draw.random())))
    return thing


def wardrobe(draw: random.Random) -> Thing:
    """Tall, with doors."""
    w, d, h = draw.uniform(0.8, 1.8), draw.uniform(0.5, 0.62), draw.uniform(1.7, 2.15)
    look, front = material(draw), material(draw, (*_SOLID, "doors"))
    doors = max(2, round(w / 0.5))
    parts = [block((0, 0, 0), (w, d, h), look)]
    for index in range(doors):
        x = (index + 0.5) * w / doors - w / 2
        size = (w / doors - 0.025, 0.03, h - 0.16)
        parts.append(block((x, -d / 2 - 0.01, 0.1), size, front, casts=False))
        at = (x + (0.4 if index % 2 == 0 else -0.4) * w / doors, -d / 2 - 0.04, 0.95)
        parts.append(block(at, (0.025, 0.03, 0.16), look, casts=False))
    return Thing("cabinet", parts, (w, d, h))


def shelf(draw: random.Random) -> Thing:
    """Open, with books and small things on its boards."""
    w, d, h = draw.uniform(0.6, 1.3), draw.uniform(0.28, 0.36), draw.uniform(0.9, 2.1)
    look, thick = material(draw, _SOLID), 0.03
    parts = [block((0, d / 2 - 0.01, 0), (w, 0.02, h), look)]
    sides = (-(w - thick) / 2, (w - thick) / 2)
    parts += [block((x, 0, 0), (thick, d, h), look) for x in sides]
    boards = max(3, round(h / 0.38))
    thing = Thing("cabinet", parts, (w, d, h))
    for index in range(boards + 1):
        z = 0.04 + index * (h - 0.04 - thick) / boards
        parts.append(block((0, 0, z), (w - thick, d, thick), look, casts=False))
        if index == boards or draw.random() < 0.25:
            continue
        room = (h - 0.04) / boards - thick
        row = book_row(draw, (w - 0.1) * draw.uniform(0.4, 1), d, room)
        x = draw.choice((-1, 1)) * (w - 0.08 - row.size[0]) / 2
        thing.carries.append((row, Spot(x, 0, z + thick)))
    return thing
