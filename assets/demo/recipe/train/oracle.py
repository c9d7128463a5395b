"""The oracle: what visual tokens should say of a scene, made from its labels instead of its picture.

Thrown away after training, like all that is learnt beside the model.
"""

import math

import torch
from torch import nn

from .labels import KINDS, NUMBERS, SIGNS

CELL_KINDS = {**KINDS, "number": NUMBERS, "word": SIGNS}
"""What a caption of a cell says of the thing, or the sign, whose centre lies in it."""

WAVES = 14
"""How many numbers :func:`waves` makes of a place."""


def waves(places: torch.Tensor) -> torch.Tensor:
    """Places (x, y) from -1 to 1 [..., 2] as numbers that say coarsely and finely where that is [..., 14]."""
    angles = [places * (math.pi * f / 2) for f in (1, 2, 4)]
    return torch.cat((places, *(f(angle) for angle in angles for f in (torch.sin, torch.cos))), dim=-1)


BUMPS = 6
"""Side of the grid of :func:`bumps`."""


def bumps(places: torch.Tensor) -> torch.Tensor:
    """Places [..., 2] as nearness to each point of a grid [..., BUMPS²]: parts of the picture are sums of these."""
    centres = (torch.arange(BUMPS, device=places.device) + 0.5) * 2 / BUMPS - 1
    near = torch.exp(-(((places[..., None] - centres) * BUMPS / 2) ** 2))
    return (near[..., 1, :, None] * near[..., 0, None, :]).flatten(-2)


class Oracle(nn.Module):
    """Visual tokens made from the labels of a scene instead of its picture."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        sizes = (*KINDS.values(), NUMBERS, SIGNS)
        self.tables = nn.ModuleList(nn.Embedding(size, hidden) for size in sizes)
        for embedding in self.tables:
            nn.init.normal_(embedding.weight, std=0.3)
            nn.init.zeros_(embedding.weight[0])
        self.place, self.sign_place = nn.Linear(WAVES, hidden, bias=False), nn.Linear(WAVES, hidden, bias=False)
        self.bump = nn.Linear(BUMPS**2, hidden, bias=False)

    def forward(self, labels: dict[str, torch.Tensor], without: str | None = None) -> torch.Tensor:
        """Labels of the query grid (see ``labels.oracle``) to visual tokens [b, query², h].

        ``without``: what they do not tell, one of ``CELL_KINDS`` or "place".
        """
        values = zip(CELL_KINDS, (*labels["cells"].unbind(-1), labels["number"], labels["word"]))
        tokens = sum(table(value) for table, (kind, value) in zip(self.tables, values) if kind != without)
        for name, there in (("place", labels["cells"][..., 0]), ("sign_place", labels["word"])):
            if without != "place":
                place = getattr(self, name)(waves(labels[name])) + self.bump(bumps(labels[name]))
                tokens = tokens + place * (there > 0)[..., None]
        return tokens
