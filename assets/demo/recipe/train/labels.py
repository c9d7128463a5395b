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

NUMBERS = 101
"""Values of the label of a printed number: 0 for none, else the number plus one."""

SIGNS = len(WORDS) + 1
"""Values of the label of a printed word: 0 for none, else its index plus one."""

_CODES = [{value: i + 1 for i, value in enumerate(values)} for values in (SHAPES, COLOURS, TEXTURES, SIZES)]


def table(scene: Scene) -> np.ndarray:
    """The attributes of each object [objects + 1, kinds]; row 0 is "no object"."""
    rows = np.zeros((len(scene.objects) + 1, len(KINDS)), dtype=np.int64)
    for index, o in enumerate(scene.objects):
        values = zip(_CODES, (o.shape, o.colour, o.texture, o.size))
        overlap = 0 if scene.overlap is None or index not in scene.overlap else 1 + scene.overlap.index(index)
        rows[index + 1] = [*(codes[value] for codes, value in values), overlap]
    return rows


def oracle(scene: Scene, query: int) -> dict[str, np.ndarray]:
    """What is centred in each cell of the query grid.

    ``cells`` [query², kinds]; ``number`` and ``word`` [query²]; ``offset`` and ``sign_offset`` [query², 2]: where in
    the cell the centre lies (x, y), -0.5 to 0.5.
    """
    cells = np.zeros((query * query, len(KINDS)), dtype=np.int64)
    number, word = np.zeros(query * query, dtype=np.int64), np.zeros(query * query, dtype=np.int64)
    offset, sign_offset = np.zeros((query * query, 2), dtype=np.float32), np.zeros((query * query, 2), dtype=np.float32)
    rows, square = table(scene), max(scene.width, scene.height)

    def place(x: int, y: int) -> tuple[int, tuple[float, float]]:
        row, column = cell_of(x, y, scene.width, scene.height, query)
        across = (x + (square - scene.width) // 2) * query / square - column - 0.5
        down = (y + (square - scene.height) // 2) * query / square - row - 0.5
        return row * query + column, (across, down)

    for index, o in enumerate(scene.objects):
        cell, where = place(o.x, o.y)
        cells[cell], offset[cell] = rows[index + 1], where
        number[cell] = 0 if o.number is None else o.number + 1
    if scene.sign is not None:
        cell, sign_offset[cell] = place(scene.sign.x, scene.sign.y)
        word[cell] = WORDS.index(scene.sign.word) + 1
    return {"cells": cells, "number": number, "word": word, "offset": offset, "sign_offset": sign_offset}


def dense(scene: Scene, drawing: Drawing, side: int) -> dict[str, np.ndarray]:
    """What is visible at the centre of each token of a grid of ``side`` over the padded square.

    ``attributes`` [side², kinds]; ``characters`` [side²]; ``centre`` [side², 2]: way to the object's centre in units of
    an eighth of the square.
    """
    square = max(scene.width, scene.height)
    middle = ((np.arange(side) + 0.5) * square / side).astype(np.int64)
    rows, columns = middle - (square - scene.height) // 2, middle - (square - scene.width) // 2
    inside = ((rows >= 0) & (rows < scene.height))[:, None] & ((columns >= 0) & (columns < scene.width))[None, :]
    pick = np.ix_(rows.clip(0, scene.height - 1), columns.clip(0, scene.width - 1))
    things = np.where(inside & (drawing.things[pick] != SIGN_LABEL), drawing.things[pick], 0)
    centres = np.array([(0, 0), *((o.x, o.y) for o in scene.objects)], dtype=np.float32)
    here = np.stack(np.broadcast_arrays(columns[None, :], rows[:, None]), axis=-1).astype(np.float32)
    way = np.where(things[..., None] > 0, (centres[things] - here) / (square / 8), 0)
    return {
        "attributes": table(scene)[things].reshape(side * side, -1),
        "characters": np.where(inside, drawing.characters[pick], 0).astype(np.int64).ravel(),
        "centre": way.reshape(side * side, 2).astype(np.float32),
    }
