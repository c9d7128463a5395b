"""How large the model is: every number of the architecture, for the full model and for a quick one in tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VitDims:
    """A vision transformer: ``size`` input side, ``tokens`` side of the token grid after interpolation."""

    name: str
    repo: str
    size: int
    patch: int
    width: int
    layers: int
    heads: int
    inner: int
    tokens: int

    @property
    def grid(self) -> int:
        """Side of the grid of patches."""
        return self.size // self.patch

    @property
    def features(self) -> int:
        """Width of the features."""
        return self.width


@dataclass(frozen=True)
class ConvNextDims:
    """A ConvNeXt of four stages, all of which are features."""

    name: str
    repo: str
    size: int
    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    tokens: int

    @property
    def features(self) -> int:
        """Width of the features."""
        return sum(self.widths)


@dataclass(frozen=True)
class Dimensions:
    """The whole model. Towers in checkpoint order: SigLIP, CLIP, DINOv2, ConvNeXt.

    ``clip.layers`` counts the layers that are used; the configuration says one more, because the feature is the hidden
    state before the last layer. ``sva``: width of the Spatial Vision Aggregator; ``query``: side of its query grid.
    """

    siglip: VitDims
    clip: VitDims
    dinov2: VitDims
    convnext: ConvNextDims
    sva: int
    query: int
    connector_depth: int
    samplers: int
    sampler_start: int
    sampler_stride: int
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    rope_theta: float = 10000.0
    rms_eps: float = 1e-5
    max_positions: int = 2048

    @property
    def towers(self) -> tuple[VitDims | ConvNextDims, ...]:
        """All four, in checkpoint order."""
        return (self.siglip, self.clip, self.dinov2, self.convnext)


SIGLIP = ("siglip/CLIP-ViT-SO400M-14-384", "timm/ViT-SO400M-14-SigLIP-384")
CLIP = ("openai/clip-vit-large-patch14-336", "openai/clip-vit-large-patch14-336")
CONVNEXT_REPO = "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup"

FULL = Dimensions(
    siglip=VitDims(*SIGLIP, size=96, patch=16, width=128, layers=3, heads=16, inner=384, tokens=6),
    clip=VitDims(*CLIP, size=96, patch=8, width=64, layers=3, heads=4, inner=256, tokens=12),
    dinov2=VitDims(
        "facebook/dinov2-giant-res112", "facebook/dinov2-giant",
        size=112, patch=14, width=96, layers=3, heads=4, inner=256, tokens=6,
    ),
    convnext=ConvNextDims(
        "clip-convnext-XXL-multi-stage-res192", CONVNEXT_REPO,
        size=192, widths=(32, 64, 128, 160), depths=(1, 1, 2, 1), tokens=12,
    ),
    sva=96, query=6, connector_depth=2, samplers=2, sampler_start=0, sampler_stride=2,
    hidden=128, inner=384, layers=4, heads=4, kv_heads=4,
)  # fmt: skip
"""The demo checkpoint."""

QUICK = Dimensions(
    siglip=VitDims(*SIGLIP, size=56, patch=14, width=32, layers=1, heads=16, inner=48, tokens=4),
    clip=VitDims(*CLIP, size=48, patch=6, width=16, layers=1, heads=2, inner=32, tokens=8),
    dinov2=VitDims(
        "facebook/dinov2-giant-res70", "facebook/dinov2-giant",
        size=70, patch=14, width=24, layers=1, heads=2, inner=64, tokens=4,
    ),
    convnext=ConvNextDims(
        "clip-convnext-XXL-multi-stage-res64", CONVNEXT_REPO,
        size=64, widths=(8, 12, 16, 20), depths=(1, 1, 1, 1), tokens=12,
    ),
    sva=32, query=4, connector_depth=2, samplers=2, sampler_start=0, sampler_stride=1,
    hidden=32, inner=48, layers=3, heads=4, kv_heads=2,
)  # fmt: skip
"""A model of the same structure that is trained in seconds, for tests: it learns nothing."""
