"""The four encoders at the released sizes in PyTorch, weights at random, its fused attention: one picture on the processor.

    python encoders.py float32|bfloat16 THREADS [siglip clip dinov2 convnext]   prints one JSON object of seconds
"""

import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

TIMES = 3


class Layer(nn.Module):
    """A layer of a vision transformer; with `gated`, that of DINOv2 giant."""

    def __init__(self, width, heads, inner, activation, gated):
        super().__init__()
        self.heads, self.activation, self.gated = heads, activation, gated
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * inner if gated else inner), nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.ones(width)) if gated else None

    def forward(self, x):
        batch, tokens, width = x.shape
        parts = self.inputs(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        seen = self.output(seen.transpose(1, 2).reshape(batch, tokens, width))
        x = x + (seen if self.scale is None else seen * self.scale)
        inner = self.up(self.norm2(x))
        if self.gated:
            gate, inner = inner.chunk(2, -1)
            inner = functional.silu(gate) * inner
        else:
            inner = self.activation(inner)
        inner = self.down(inner)
        return x + (inner if self.scale is None else inner * self.scale)


class Transformer(nn.Module):
    def __init__(self, width, heads, inner, layers, activation=None, gated=False):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 14, 14)
        self.layers = nn.ModuleList(Layer(width, heads, inner, activation, gated) for _ in range(layers))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return x


class Norm(nn.Module):
    """A layer norm over the channels of a picture."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.down(functional.gelu(self.up(self.norm(y)))) * self.scale
        return x + y.permute(0, 3, 1, 2)


def convnext():
    widths, depths = (384, 768, 1536, 3072), (3, 4, 30, 3)
    parts = [nn.Conv2d(3, widths[0], 4, 4), Norm(widths[0])]
    for stage, (width, depth) in enumerate(zip(widths, depths)):
        if stage:
            parts += [Norm(widths[stage - 1]), nn.Conv2d(widths[stage - 1], width, 2, 2)]
        parts += [Block(width) for _ in range(depth)]
    return nn.Sequential(*parts)


def tanh_gelu(x):
    return functional.gelu(x, approximate="tanh")


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


ENCODERS = {
    "siglip": (lambda: Transformer(1152, 16, 4304, 27, tanh_gelu), 384),
    "clip": (lambda: Transformer(1024, 16, 4096, 23, quick_gelu), 336),
    "dinov2": (lambda: Transformer(1536, 24, 4096, 40, gated=True), 378),
    "convnext": (convnext, 1024),
}


def main():
    kind, names = getattr(torch, sys.argv[1]), sys.argv[3:] or ENCODERS
    torch.set_num_threads(int(sys.argv[2]))
    times = {}
    for name in names:
        make, side = ENCODERS[name]
        with torch.device("meta"):
            model = make()
        model = model.to_empty(device="cpu").to(kind).eval()
        for parameter in model.parameters():
            parameter.data.normal_(0, 0.02)
        x = torch.randn(1, 3, side, side, dtype=kind)
        if name == "convnext":
            model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        measured = []
        with torch.inference_mode():
            for turn in range(TIMES + 1):
                started = time.perf_counter()
                model(x)
                if turn > 0:
                    measured.append(time.perf_counter() - started)
        times[name] = statistics.median(measured)
        del model
    print(json.dumps(times))


if __name__ == "__main__":
    main()
