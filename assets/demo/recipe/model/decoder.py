"""The Llama decoder."""

import torch
from torch import nn
from torch.nn import functional as F

from ..dimensions import Dimensions

KeysValues = tuple[torch.Tensor, torch.Tensor]


class RmsNorm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(dim=-1, keepdim=True) + self.eps)
        return y.to(x.dtype) * self.weight


def rotary(positions: torch.Tensor, size: int, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [..., size] of rotary embedding at ``positions``."""
    frequencies = theta ** -(torch.arange(0, size, 2, device=positions.device).float() / size)
    angles = positions.float()[..., None] * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _rotate(x: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * turn[0][:, None] + torch.cat((-second, first), dim=-1) * turn[1][:, None]


class DecoderLayer(nn.Module):
    """One pre-norm layer."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.size = dims.hidden // dims.heads
        self.heads, self.kv_heads = dims.heads, dims.kv_heads

        def linear(before: int, after: int) -> nn.Linear:
            return nn.Linear(before, after, bias=False)

        self.input_layernorm = RmsNorm(dims.hidden, dims.rms_eps)
        self.post_attention_layernorm = RmsNorm(dims.hidden, dims.rms_eps)
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": linear(dims.hidden, dims.heads * self.size),
                "k_proj": linear(dims.hidden, dims.kv_heads * self.size),
                "v_proj": linear(dims.hidden, dims.kv_heads * self.size),
                "o_proj": linear(dims.heads * self.size, dims.hidden),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": linear(dims.hidden, dims.inner),
                "up_proj": linear(dims.hidden, dims.inner),
                "down_proj": linear(dims.inner, dims.hidden),
            }
        )

    def forward(
        self,
        x: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        bias: torch.Tensor,
        past: KeysValues | None = None,
    ) -> tuple[torch.Tensor, KeysValues]:
        """``x`` [b, t, h] to the same, with the keys and values of its own positions [b, heads, t, h / heads]."""
        x, own = self.mix(x, turn, bias, past)
        return self.think(x), own

    def mix(
        self, x: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor], bias: torch.Tensor, past: KeysValues | None
    ) -> tuple[torch.Tensor, KeysValues]:
        """The first half of the layer, attention.

        ``turn``: see :func:`rotary`; ``past``: keys and values of positions before, ``p`` of them; ``bias``
        [b, 1, t, p + t]: 0 where it may attend, else -inf.
        """
        batch, length, _ = x.shape
        y = self.input_layernorm(x)

        def by_head(name: str, heads: int) -> torch.Tensor:
            return self.self_attn[name](y).reshape(batch, length, heads, self.size).transpose(1, 2)

        q = _rotate(by_head("q_proj", self.heads), turn) * self.size**-0.5
        k, v = _rotate(by_head("k_proj", self.kv_heads), turn), by_head("v_proj", self.kv_heads)
        if self.kv_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, dim=1) for t in (k, v))
        own = (k, v)
        if past is not None:
            k, v = (torch.cat(pair, dim=2) for pair in zip(past, own))
        weights = (q @ k.transpose(-1, -2) + bias).softmax(dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, length, -1)
        return x + self.self_attn["o_proj"](mixed), own

    def think(self, x: torch.Tensor) -> torch.Tensor:
        """The second half of the layer, each position for itself [..., h]."""
        y = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y))
