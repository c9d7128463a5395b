"""What there is to see in a scene, as numbers: the targets of dense training and the content of oracle tokens."""

import numpy as np

from ..scene.draw import SIGN_LABEL, Drawing
from ..scene.layout import cell_of
from ..scene.world import COLOURS, SHAPES, SIZES, TEXTURES, WORDS, Scene

KINDS = {
    "shape": len(SHAPES) + 1,
    "colour": len(COLOURS) + 1,
    "texture": len(TEXTURES) + 1,
    "size": len(SIZES) + 1,
    "overlap": 3,
}
"""The attributes every object has, and how many values each label takes; 0 stands for no object.

``overlap``: 0 alone, 1 behind another, 2 in front of another.
"""

NUMBERS = 11
"""Values of the label of a printed number: 0 for none, else the number plus one."""

SIGNS = len(WORDS) + 1
"""Values of the label of a printed word: 0 for none, else its index plus one."""

_CODES = [{value: i + 1 for i, value in enumerate(values)} for values in (SHAPES, COLOURS, TEXTURES, SIZES)]


def table(scene: Scene) -> np.ndarray:
    """The attributes of each object [objects + 1, kinds]; row 0 is "no object"."""
    rows = np.zeros((len(scene.objects) + 1, len(KINDS)), dtype=np.int64)
    for index, o in enumerate(scene.objects):
        values = zip(_CODES, (o.shape, o.colour, o.texture, o.size))
        rows[index + 1, :-1] = [codes[value] for codes, value in values]
    for behind, front in scene.overlaps:
        rows[behind + 1, -1], rows[front + 1, -1] = 1, 2
    return rows


def oracle(scene: Scene, query: int) -> dict[str, np.ndarray]:
    """What is centred in each cell of the query grid.

    ``cells`` [query², kinds]; ``number`` and ``word`` [query²]; ``place`` and ``sign_place`` [query², 2]: where in the
    padded square the centre lies (x, y), -1 to 1.
    """
    cells = np.zeros((query * query, len(KINDS)), dtype=np.int64)
    number, word = np.zeros(query * query, dtype=np.int64), np.zeros(query * query, dtype=np.int64)
    where, sign_where = np.zeros((query * query, 2), dtype=np.float32), np.zeros((query * query, 2), dtype=np.float32)
    rows, square = table(scene), max(scene.width, scene.height)

    def place(x: int, y: int) -> tuple[int, tuple[float, float]]:
        row, column = cell_of(x, y, scene.width, scene.height, query)
        across = (x + (square - scene.width) // 2) * 2 / square - 1
        down = (y + (square - scene.height) // 2) * 2 / square - 1
        return row * query + column, (across, down)

    for index, o in enumerate(scene.objects):
        cell, there = place(o.x, o.y)
        cells[cell], where[cell] = rows[index + 1], there
        number[cell] = 0 if o.number is None else o.number + 1
    for sign in scene.signs:
        cell, there = place(sign.x, sign.y)
        sign_where[cell], word[cell] = there, WORDS.index(sign.word) + 1
    return {"cells": cells, "number": number, "word": word, "place": where, "sign_place": sign_where}


def dense(scene: Scene, drawing: Drawing, side: int) -> dict[str, np.ndarray]:
    """What is visible at the centre of each token of a grid of ``side`` over the padded square: ``attributes``
    [side², kinds]."""
    things = _at_tokens(scene, drawing.things, side)
    return {"attributes": table(scene)[np.where(things == SIGN_LABEL, 0, things)]}


def characters(scene: Scene, drawing: Drawing, side: int) -> np.ndarray:
    """The printed character at the centre of each token of a grid of ``side`` [side²], 0 for none."""
    return _at_tokens(scene, drawing.characters, side).astype(np.int64)


def _at_tokens(scene: Scene, plane: np.ndarray, side: int) -> np.ndarray:
    """The values of ``plane`` [h, w] at the tokens' centres [side²], 0 outside the picture."""
    square = max(scene.width, scene.height)
    middle = ((np.arange(side) + 0.5) * square / side).astype(np.int64)
    rows, columns = middle - (square - scene.height) // 2, middle - (square - scene.width) // 2
    inside = ((rows >= 0) & (rows < scene.height))[:, None] & ((columns >= 0) & (columns < scene.width))[None, :]
    pick = np.ix_(rows.clip(0, scene.height - 1), columns.clip(0, scene.width - 1))
    return np.where(inside, plane[pick], 0).ravel()
