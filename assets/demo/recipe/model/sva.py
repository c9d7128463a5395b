"""The Spatial Vision Aggregator's layer, in the connector and between decoder layers."""

import torch
from torch import nn
from torch.nn import functional as F

HEADS = 16


class _CrossAttention(nn.Module):
    def __init__(self, width: int, towers: int) -> None:
        super().__init__()

        def projection() -> nn.Sequential:
            return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width, bias=False))

        self.q_proj = projection()
        for k in range(towers):
            setattr(self, f"k_proj_{k}", projection())
            setattr(self, f"v_proj_{k}", projection())
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor, tokens: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        """``x`` [b, cells, c], ``tokens`` per tower [b, cells, r², c], ``mask`` [cells, keys] to [b, cells, c]."""
        k = torch.cat([getattr(self, f"k_proj_{i}")(t) for i, t in enumerate(tokens)], dim=2)
        v = torch.cat([getattr(self, f"v_proj_{i}")(t) for i, t in enumerate(tokens)], dim=2)
        batch, cells, keys, width = k.shape
        size = width // HEADS
        q = self.q_proj(x).reshape(batch, cells, HEADS, 1, size)
        k, v = (t.reshape(batch, cells, keys, HEADS, size).transpose(2, 3) for t in (k, v))
        scores = (q * size**-0.5) @ k.transpose(-1, -2)
        scores = scores.masked_fill(~mask[None, :, None, None, :], float("-inf"))
        mixed = (scores.softmax(dim=-1) @ v).reshape(batch, cells, width)
        return self.o_proj(mixed)


class SvaLayer(nn.Module):
    """Cells attend to the tokens under them. ``query`` is the width of what asks, ``width`` that of the aggregator.

    Starts as the identity (``linear_2`` is zero).
    """

    def __init__(self, query: int, width: int, sides: tuple[int, ...]) -> None:
        super().__init__()
        self.proj_context = nn.Linear(width, width, bias=False)
        self.proj_in = nn.Linear(query + width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.proj_out = nn.ModuleDict(
            {"linear_1": nn.Linear(width, width, bias=False), "linear_2": nn.Linear(width, query, bias=False)}
        )
        nn.init.zeros_(self.proj_out["linear_2"].weight)
        self.sides = sides
        for k, side in enumerate(sides):
            if side > 1:
                self.register_parameter(f"pos_embed_{k}", nn.Parameter(torch.randn(side * side, width) * 0.02))
        self.cross_attn = _CrossAttention(width, len(sides))

    def forward(
        self, q: torch.Tensor, context: torch.Tensor, tokens: list[torch.Tensor], mask: torch.Tensor
    ) -> torch.Tensor:
        """``q`` [b, cells, query] and the picture's ``context`` [b, c] to the updated ``q``."""
        c = self.proj_context(context)[:, None].expand(-1, q.shape[1], -1)
        x = self.proj_in(torch.cat((q, c), dim=-1))
        placed = [t + getattr(self, f"pos_embed_{k}") if self.sides[k] > 1 else t for k, t in enumerate(tokens)]
        x = self.norm(x + self.cross_attn(x, placed, mask))
        return q + self.proj_out["linear_2"](F.gelu(self.proj_out["linear_1"](x)))


class SvaStack(nn.Module):
    """SVA layers one after another, under the key ``layers``."""

    def __init__(self, depth: int, query: int, width: int, sides: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SvaLayer(query, width, sides) for _ in range(depth))

    def forward(
        self, q: torch.Tensor, context: torch.Tensor, tokens: list[torch.Tensor], mask: torch.Tensor
    ) -> torch.Tensor:
        for layer in self.layers:
            q = layer(q, context, tokens, mask)
        return q
