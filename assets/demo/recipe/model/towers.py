"""The four encoders, each under the keys of its released family."""

import torch
from torch import nn
from torch.nn import functional as F

from ..dimensions import ConvNextDims, Dimensions, VitDims


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Multi-head self-attention without a mask. Plain products: faster to train on a CPU than the fused kernel."""
    batch, length, width = q.shape
    q, k, v = (t.reshape(batch, length, heads, width // heads).transpose(1, 2) for t in (q, k, v))
    scores = (q * (width // heads) ** -0.5) @ k.transpose(-1, -2)
    mixed = scores.softmax(dim=-1) @ v
    return mixed.transpose(1, 2).reshape(batch, length, width)


def interpolate(features: torch.Tensor, side: int) -> torch.Tensor:
    """Tokens [b, n, d] of a square grid to a grid of ``side``, bilinearly."""
    batch, count, width = features.shape
    have = int(count**0.5)
    if have == side:
        return features
    planes = features.transpose(1, 2).reshape(batch, width, have, have)
    planes = F.interpolate(planes, size=(side, side), mode="bilinear", align_corners=False)
    return planes.flatten(2).transpose(1, 2)


class _SiglipBlock(nn.Module):
    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dims.width, eps=1e-6), nn.LayerNorm(dims.width, eps=1e-6)
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(dims.width, 3 * dims.width), "proj": nn.Linear(dims.width, dims.width)}
        )
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dims.width, dims.inner), "fc2": nn.Linear(dims.inner, dims.width)})
        self.heads = dims.heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.attn["qkv"](self.norm1(x)).chunk(3, dim=-1)
        x = x + self.attn["proj"](attend(q, k, v, self.heads))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class Siglip(nn.Module):
    """SigLIP in timm's layout: no class token, final norm applied."""

    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        trunk = nn.Module()
        trunk.patch_embed = nn.Module()
        trunk.patch_embed.proj = nn.Conv2d(3, dims.width, dims.patch, dims.patch)
        trunk.pos_embed = nn.Parameter(torch.randn(1, dims.grid**2, dims.width) * 0.02)
        trunk.blocks = nn.ModuleList(_SiglipBlock(dims) for _ in range(dims.layers))
        trunk.norm = nn.LayerNorm(dims.width, eps=1e-6)
        self.visual = nn.Module()
        self.visual.trunk = trunk
        self.dims = dims

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, s, s] to features [b, tokens², d]."""
        trunk = self.visual.trunk
        x = trunk.patch_embed.proj(pixels).flatten(2).transpose(1, 2) + trunk.pos_embed
        for block in trunk.blocks:
            x = block(x)
        return interpolate(trunk.norm(x), self.dims.tokens)


class _ClipLayer(nn.Module):
    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.self_attn = nn.ModuleDict({name: nn.Linear(dims.width, dims.width) for name in names})
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(dims.width), nn.LayerNorm(dims.width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dims.width, dims.inner), "fc2": nn.Linear(dims.inner, dims.width)})
        self.heads = dims.heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer_norm1(x)
        q, k, v = (self.self_attn[name](y) for name in ("q_proj", "k_proj", "v_proj"))
        x = x + self.self_attn["out_proj"](attend(q, k, v, self.heads))
        y = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](y * torch.sigmoid(1.702 * y))


class Clip(nn.Module):
    """CLIP's vision transformer in Hugging Face's layout, without what comes after the feature layer."""

    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        embeddings = nn.Module()
        embeddings.class_embedding = nn.Parameter(torch.randn(dims.width) * 0.02)
        embeddings.patch_embedding = nn.Conv2d(3, dims.width, dims.patch, dims.patch, bias=False)
        embeddings.position_embedding = nn.Embedding(dims.grid**2 + 1, dims.width)
        nn.init.normal_(embeddings.position_embedding.weight, std=0.02)
        model = nn.Module()
        model.embeddings = embeddings
        model.pre_layrnorm = nn.LayerNorm(dims.width)
        model.encoder = nn.Module()
        model.encoder.layers = nn.ModuleList(_ClipLayer(dims) for _ in range(dims.layers))
        self.vision_model = model
        self.dims = dims

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, s, s] to features [b, tokens², d]."""
        model = self.vision_model
        x = model.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = model.embeddings.class_embedding.expand(x.shape[0], 1, -1)
        x = model.pre_layrnorm(torch.cat((first, x), dim=1) + model.embeddings.position_embedding.weight)
        for layer in model.encoder.layers:
            x = layer(x)
        return interpolate(x[:, 1:], self.dims.tokens)


class _Dinov2Layer(nn.Module):
    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dims.width, eps=1e-6), nn.LayerNorm(dims.width, eps=1e-6)
        self.attention = nn.Module()
        self.attention.attention = nn.ModuleDict(
            {name: nn.Linear(dims.width, dims.width) for name in ("query", "key", "value")}
        )
        self.attention.output = nn.ModuleDict({"dense": nn.Linear(dims.width, dims.width)})
        self.mlp = nn.ModuleDict(
            {"weights_in": nn.Linear(dims.width, 2 * dims.inner), "weights_out": nn.Linear(dims.inner, dims.width)}
        )
        self.layer_scale1, self.layer_scale2 = nn.Module(), nn.Module()
        for scale in (self.layer_scale1, self.layer_scale2):
            scale.lambda1 = nn.Parameter(torch.ones(dims.width))
        self.heads = dims.heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, project = self.norm1(x), self.attention.attention
        mixed = attend(project["query"](y), project["key"](y), project["value"](y), self.heads)
        x = x + self.layer_scale1.lambda1 * self.attention.output["dense"](mixed)
        a, b = self.mlp["weights_in"](self.norm2(x)).chunk(2, dim=-1)
        return x + self.layer_scale2.lambda1 * self.mlp["weights_out"](F.silu(a) * b)


class Dinov2(nn.Module):
    """DINOv2 giant in Hugging Face's layout: class token, SwiGLU, layer scales."""

    def __init__(self, dims: VitDims) -> None:
        super().__init__()
        embeddings = nn.Module()
        embeddings.cls_token = nn.Parameter(torch.randn(1, 1, dims.width) * 0.02)
        embeddings.mask_token = nn.Parameter(torch.zeros(1, dims.width))
        embeddings.position_embeddings = nn.Parameter(torch.randn(1, dims.grid**2 + 1, dims.width) * 0.02)
        embeddings.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(3, dims.width, dims.patch, dims.patch)})
        self.embeddings = embeddings
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(_Dinov2Layer(dims) for _ in range(dims.layers))
        self.layernorm = nn.LayerNorm(dims.width, eps=1e-6)
        self.dims = dims

    def patches(self, pixels: torch.Tensor, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """[b, 3, s, s] to the patches' features [b, grid², d]; patches in ``hidden`` [b, grid²] show the mask token."""
        embeddings = self.embeddings
        x = embeddings.patch_embeddings["projection"](pixels).flatten(2).transpose(1, 2)
        if hidden is not None:
            x = torch.where(hidden[..., None], embeddings.mask_token.to(x.dtype), x)
        x = torch.cat((embeddings.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + embeddings.position_embeddings
        for layer in self.encoder.layer:
            x = layer(x)
        return self.layernorm(x)[:, 1:]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, s, s] to features [b, tokens², d]."""
        return interpolate(self.patches(pixels), self.dims.tokens)


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of planes [b, c, h, w]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _ConvNextBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})
        self.gamma = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.conv_dw(x).permute(0, 2, 3, 1))
        y = self.gamma * self.mlp["fc2"](F.gelu(self.mlp["fc1"](y)))
        return x + y.permute(0, 3, 1, 2)


class _ConvNextStage(nn.Module):
    def __init__(self, before: int | None, width: int, depth: int) -> None:
        super().__init__()
        if before is not None:
            self.downsample = nn.Sequential(_ChannelNorm(before, eps=1e-5), nn.Conv2d(before, width, 2, 2))
        self.blocks = nn.Sequential(*(_ConvNextBlock(width) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        return self.blocks(x)


class ConvNext(nn.Module):
    """ConvNeXt in timm's layout; the features are all four stages, resized to one grid and concatenated."""

    def __init__(self, dims: ConvNextDims) -> None:
        super().__init__()
        trunk = nn.Module()
        trunk.stem = nn.Sequential(nn.Conv2d(3, dims.widths[0], 4, 4), _ChannelNorm(dims.widths[0], eps=1e-5))
        before = (None, *dims.widths[:-1])
        trunk.stages = nn.ModuleList(map(_ConvNextStage, before, dims.widths, dims.depths))
        self.visual = nn.Module()
        self.visual.trunk = trunk
        self.dims = dims

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, s, s] to features [b, tokens², d]."""
        return self.gather(self.stages(pixels))

    def stages(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """[b, 3, s, s] to what each stage gives [b, c, side, side]."""
        trunk = self.visual.trunk
        x = trunk.stem(pixels.contiguous(memory_format=torch.channels_last))
        found = []
        for stage in trunk.stages:
            x = stage(x)
            found.append(x)
        return found

    def gather(self, stages: list[torch.Tensor]) -> torch.Tensor:
        """What the stages give as features [b, tokens², d]."""
        return torch.cat([interpolate(x.flatten(2).transpose(1, 2), self.dims.tokens) for x in stages], dim=-1)


def build_towers(dims: Dimensions) -> nn.ModuleList:
    """The four encoders in checkpoint order."""
    return nn.ModuleList([Siglip(dims.siglip), Clip(dims.clip), Dinov2(dims.dinov2), ConvNext(dims.convnext)])
