"""Random scenes: which things are in a picture, and where."""

from dataclasses import replace

import numpy as np

from .world import (
    COLOURS,
    LONG_SIDE,
    MAX_OBJECTS,
    NUMBERABLE,
    RADII,
    SHAPES,
    SHORT_SIDES,
    SIZES,
    TEXTURES,
    WORDS,
    Object,
    Scene,
    Sign,
)

GAP = 5
"""Free pixels between things that do not overlap."""

TRIES = 40
"""Random places tried for a thing before it is left out."""

CELLS = 8
"""Side of the grid over the padded square in which no two objects share a cell (the query grid of the full model)."""


def picture_size(rng: np.random.Generator) -> tuple[int, int]:
    """A random (width, height): a quarter square, the rest landscape and portrait alike."""
    short = int(rng.choice(SHORT_SIDES))
    return (LONG_SIDE, short) if rng.random() < 0.5 else (short, LONG_SIDE)


def cell_of(x: int, y: int, width: int, height: int, side: int) -> tuple[int, int]:
    """(row, column) of a point of the picture on a grid of ``side`` over the padded square."""
    square = max(width, height)
    row = (y + (square - height) // 2) * side // square
    column = (x + (square - width) // 2) * side // square
    return row, column


def random_scene(rng: np.random.Generator, size: tuple[int, int], *, dense: bool = False) -> Scene:
    """A scene of 2 to 7 things on a picture of ``size`` = (width, height).

    ``dense`` scenes are as full as the picture allows and nearly always have an overlap and a sign: more to learn from
    in each picture when encoders are trained on what they see rather than on questions.
    """
    width, height = size
    sign = _sign(rng, width, height) if rng.random() < (0.9 if dense else 0.6) else None
    placed: list[Object] = []
    overlap: tuple[int, int] | None = None
    count = MAX_OBJECTS if dense else int(rng.integers(2, MAX_OBJECTS + 1))
    wanted = _kinds(rng, count)
    pair = rng.random() < (0.9 if dense else 0.5)
    for thing in wanted:
        if overlap is None and pair and len(placed) == 1:
            front = _beside(rng, thing, placed[0], sign, width, height)
            if front is not None:
                placed.append(front)
                overlap = (0, 1)
                continue
        free = _free(rng, thing, placed, sign, width, height)
        if free is not None:
            placed.append(free)
    return Scene(width, height, tuple(placed), sign, overlap, int(rng.integers(1 << 31)))


def _kinds(rng: np.random.Generator, count: int) -> list[Object]:
    """``count`` things without a place; often several of one kind, so that counting is worth asking for."""
    colours, repeated = list(COLOURS), None
    if count >= 3 and rng.random() < 0.6:
        repeated = (str(rng.choice(SHAPES)), str(rng.choice(colours)))
        copies = int(rng.integers(2, count + 1))
    things = []
    for i in range(count):
        if repeated is not None and i < copies:
            shape, colour = repeated
        else:
            shape, colour = str(rng.choice(SHAPES)), str(rng.choice(colours))
            if repeated is not None and rng.random() < 0.4:
                shape = repeated[0]
        size = SIZES[int(rng.integers(2))]
        number = None
        if shape in NUMBERABLE and rng.random() < 0.45:
            number = int(rng.integers(10, 100)) if size == "large" and rng.random() < 0.4 else int(rng.integers(10))
        texture = "plain" if number is not None else str(rng.choice(TEXTURES))
        things.append(
            Object(
                shape=shape,
                colour=colour,
                texture=texture,
                size=size,
                x=0,
                y=0,
                radius=int(rng.choice(RADII[size])),
                height=1 + int(rng.integers(2)),
                number=number,
            )
        )
    order = rng.permutation(count)
    return [things[i] for i in order]


def _sign(rng: np.random.Generator, width: int, height: int) -> Sign:
    sign = Sign(str(rng.choice(WORDS)), 0, 0)
    x = int(rng.integers(sign.half_width + 3, width - sign.half_width - 2))
    y = int(rng.integers(sign.half_height + 3, height - sign.half_height - 2))
    return replace(sign, x=x, y=y)


def _free(
    rng: np.random.Generator, thing: Object, placed: list[Object], sign: Sign | None, width: int, height: int
) -> Object | None:
    """``thing`` at a free place, or None if none was found."""
    edge = thing.radius + 3
    for _ in range(TRIES):
        spot = replace(thing, x=int(rng.integers(edge, width - edge)), y=int(rng.integers(edge, height - edge)))
        if _clear(spot, placed, sign, width, height):
            return spot
    return None


def _beside(
    rng: np.random.Generator, thing: Object, behind: Object, sign: Sign | None, width: int, height: int
) -> Object | None:
    """``thing`` so that it covers a part of ``behind``, above it; None if there is no room."""
    if (thing.shape, thing.colour) == (behind.shape, behind.colour):
        return None
    edge = thing.radius + 3
    for _ in range(TRIES):
        angle = rng.random() * 2 * np.pi
        distance = (thing.radius + behind.radius) * (0.62 + 0.16 * rng.random())
        x, y = int(behind.x + distance * np.cos(angle)), int(behind.y + distance * np.sin(angle))
        spot = replace(thing, x=x, y=y, height=behind.height + 1)
        inside = edge <= x < width - edge and edge <= y < height - edge
        cells = [cell_of(o.x, o.y, width, height, CELLS) for o in (spot, behind)]
        if inside and cells[0] != cells[1] and _clear(spot, [], sign, width, height):
            return spot
    return None


def _clear(spot: Object, placed: list[Object], sign: Sign | None, width: int, height: int) -> bool:
    """Whether ``spot`` keeps its distance from everything and has its grid cell to itself."""
    if sign is not None:
        dx = max(abs(spot.x - sign.x) - sign.half_width, 0)
        dy = max(abs(spot.y - sign.y) - sign.half_height, 0)
        if dx * dx + dy * dy < (spot.radius + GAP) ** 2:
            return False
    cell = cell_of(spot.x, spot.y, width, height, CELLS)
    for other in placed:
        reach = spot.radius + other.radius + GAP
        if (spot.x - other.x) ** 2 + (spot.y - other.y) ** 2 < reach * reach:
            return False
        if cell_of(other.x, other.y, width, height, CELLS) == cell:
            return False
    return True
