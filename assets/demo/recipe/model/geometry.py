"""Where tokens lie: cells, padding, masks (the same arithmetic as the reference, in the same order)."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from ..dimensions import Dimensions


def padding(width: int, height: int, side: int) -> tuple[int, bool]:
    """Rows (or columns) of padding at either end of a grid of ``side``, and whether they are rows."""
    if width / height > 1:
        scale = side / width
        return (side - int(height * scale)) // 2, True
    scale = side / height
    return (side - int(width * scale)) // 2, False


def valid(width: int, height: int, side: int) -> torch.Tensor:
    """Which tokens of a grid of ``side`` are not padding [side, side] (bool)."""
    pad, rows = padding(width, height, side)
    mask = torch.ones(side, side, dtype=torch.bool)
    if pad:
        if rows:
            mask[:pad] = mask[side - pad :] = False
        else:
            mask[:, :pad] = mask[:, side - pad :] = False
    return mask


def to_cells(grid: torch.Tensor, query: int) -> torch.Tensor:
    """Tokens [..., side, side, c] to windows [..., query², r², c], row-major in both."""
    *lead, side, _, width = grid.shape
    r = side // query
    grid = grid.reshape(*lead, query, r, query, r, width).movedim(-4, -3)
    return grid.reshape(*lead, query * query, r * r, width)


@dataclass(frozen=True)
class Geometry:
    """Everything that depends on a picture's size alone.

    ``masks``: per tower which keys of each cell may be attended [query², r²]; ``kept``: indices of the cells that are
    not padding; ``rows``, ``columns``: shape of that grid.
    """

    masks: tuple[torch.Tensor, ...]
    kept: torch.Tensor
    rows: int
    columns: int


@lru_cache(maxsize=64)
def geometry(dims: Dimensions, width: int, height: int) -> Geometry:
    """The geometry of pictures of this size."""
    masks = []
    for tower in dims.towers:
        mask = to_cells(valid(width, height, tower.tokens)[..., None], dims.query)[..., 0]
        masks.append(mask | ~mask.any(dim=1, keepdim=True))
    keep = valid(width, height, dims.query)
    rows, columns = int(keep.any(dim=1).sum()), int(keep.any(dim=0).sum())
    return Geometry(tuple(masks), keep.flatten().nonzero()[:, 0], rows, columns)
