"""Random scenes: which things are in a picture, and where."""

from dataclasses import replace

import numpy as np

from .world import (
    COLOURS,
    DENSE_OBJECTS,
    DENSE_PAIRS,
    DENSE_SIGNS,
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

CELLS = 6
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
    """A scene of 2 to 6 things on a picture of ``size`` = (width, height).

    ``dense`` scenes are as full as the picture allows, with several signs and overlaps: more to learn from in each
    picture when encoders are trained on what they see rather than on questions.
    """
    width, height = size
    board = _Board(rng, width, height)
    if dense:
        for _ in range(int(rng.integers(1, DENSE_SIGNS + 1))):
            board.put_sign()
        count, pairs = DENSE_OBJECTS, DENSE_PAIRS
    else:
        if rng.random() < 0.6:
            board.put_sign()
        count, pairs = int(rng.integers(2, MAX_OBJECTS + 1)), int(rng.random() < 0.5)
    for thing in _kinds(rng, count, numbered=0.8 if dense else 0.55):
        if len(board.overlaps) < pairs and board.put_in_front(thing):
            continue
        board.put(thing)
    signs, overlaps = (*board.signs, None), (*board.overlaps, None)
    backdrop = int(rng.integers(1 << 31))
    return Scene(width, height, tuple(board.placed), signs[0], overlaps[0], backdrop, signs[1:-1], overlaps[1:-1])


class _Board:
    """A picture on which things find their places."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.rng, self.width, self.height = rng, width, height
        self.placed: list[Object] = []
        self.signs: list[Sign] = []
        self.overlaps: list[tuple[int, int]] = []

    def put_sign(self) -> None:
        """A sign at a free place, if there is one."""
        sign = Sign(str(self.rng.choice(WORDS)), 0, 0)
        across, down = sign.half_width + 3, sign.half_height + 3
        xs = self.rng.integers(across, self.width - across + 1, TRIES)
        ys = self.rng.integers(down, self.height - down + 1, TRIES)
        free = np.ones(TRIES, dtype=bool)
        for other in self.signs:
            apart = abs(xs - other.x) >= sign.half_width + other.half_width + GAP
            free &= apart | (abs(ys - other.y) >= sign.half_height + other.half_height + GAP)
        if free.any():
            i = int(free.argmax())
            self.signs.append(replace(sign, x=int(xs[i]), y=int(ys[i])))

    def put(self, thing: Object) -> None:
        """``thing`` at a free place, if there is one."""
        edge = thing.radius + 3
        xs = self.rng.integers(edge, self.width - edge, TRIES)
        ys = self.rng.integers(edge, self.height - edge, TRIES)
        self._take(thing, xs, ys, self._clear(thing, xs, ys, None))

    def put_in_front(self, thing: Object) -> bool:
        """``thing`` so that it covers a part of the last thing, above it; whether there was room."""
        taken = {index for pair in self.overlaps for index in pair}
        last = len(self.placed) - 1
        if last < 0 or last in taken:
            return False
        behind = self.placed[last]
        if (thing.shape, thing.colour) == (behind.shape, behind.colour):
            return False
        angle, share = self.rng.random(TRIES) * 2 * np.pi, 0.2 + 0.2 * self.rng.random(TRIES)
        distance = thing.radius + behind.radius * share
        xs = (behind.x + distance * np.cos(angle)).astype(np.int64)
        ys = (behind.y + distance * np.sin(angle)).astype(np.int64)
        edge = thing.radius + 3
        inside = (edge <= xs) & (xs < self.width - edge) & (edge <= ys) & (ys < self.height - edge)
        front = replace(thing, height=behind.height + 1)
        if not self._take(front, xs, ys, inside & self._clear(thing, xs, ys, behind)):
            return False
        self.overlaps.append((last, last + 1))
        return True

    def _take(self, thing: Object, xs: np.ndarray, ys: np.ndarray, free: np.ndarray) -> bool:
        if free.any():
            i = int(free.argmax())
            self.placed.append(replace(thing, x=int(xs[i]), y=int(ys[i])))
        return bool(free.any())

    def _clear(self, thing: Object, xs: np.ndarray, ys: np.ndarray, behind: Object | None) -> np.ndarray:
        """At which places ``thing`` keeps its distance from all but ``behind``, and has its grid cell to itself."""

        def cells(x: np.ndarray | int, y: np.ndarray | int) -> np.ndarray | int:
            row, column = cell_of(x, y, self.width, self.height, CELLS)
            return row * CELLS + column

        mine, free = cells(xs, ys), np.ones(len(xs), dtype=bool)
        for sign in self.signs:
            dx = np.maximum(abs(xs - sign.x) - sign.half_width, 0)
            dy = np.maximum(abs(ys - sign.y) - sign.half_height, 0)
            free &= (dx * dx + dy * dy >= (thing.radius + GAP) ** 2) & (mine != cells(sign.x, sign.y))
        for other in self.placed:
            reach = thing.radius + other.radius + GAP
            apart = (xs - other.x) ** 2 + (ys - other.y) ** 2 >= reach * reach
            free &= (apart | (other is behind)) & (mine != cells(other.x, other.y))
        return free


def _kinds(rng: np.random.Generator, count: int, numbered: float) -> list[Object]:
    """``count`` things without a place; often several of one kind, so that counting is worth asking for.

    ``numbered``: chance that a thing with room for it bears a number.
    """
    colours, repeated = list(COLOURS), None
    if 3 <= count <= MAX_OBJECTS and rng.random() < 0.6:
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
        if shape in NUMBERABLE and rng.random() < numbered:
            number = int(rng.integers(10))
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
