"""Pictures to the encoders' inputs as the released models do it: pad to a square, Pillow's bicubic, normalise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from .dimensions import Dimensions

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Input:
    """What one encoder is shown. ``divide``: bytes are divided by 255 in f32, else multiplied by 1/255 in f64."""

    size: int
    background: tuple[int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    divide: bool


def inputs(dims: Dimensions) -> tuple[Input, ...]:
    """The inputs of the four towers, in checkpoint order."""
    openai, imagenet = (tuple(int(v * 255) for v in mean) for mean in (OPENAI_MEAN, IMAGENET_MEAN))
    return (
        Input(dims.siglip.size, openai, HALF, HALF, divide=True),
        Input(dims.clip.size, openai, OPENAI_MEAN, OPENAI_STD, divide=False),
        Input(dims.dinov2.size, imagenet, IMAGENET_MEAN, IMAGENET_STD, divide=False),
        Input(dims.convnext.size, openai, OPENAI_MEAN, OPENAI_STD, divide=True),
    )


@lru_cache(maxsize=8)
def _background(side: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.tile(np.array(colour, dtype=np.uint8), (side, side, 1))


def view(rgb: np.ndarray, shown: Input) -> np.ndarray:
    """``rgb`` [h, w, 3] u8 padded to a square and resized [size, size, 3] u8."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    square = rgb
    if width != height:
        square = _background(side, shown.background).copy()
        top, left = (side - height) // 2, (side - width) // 2
        square[top : top + height, left : left + width] = rgb
    if side == shown.size:
        return square
    return np.array(Image.fromarray(square).resize((shown.size, shown.size), Image.Resampling.BICUBIC))


def normalise(views: torch.Tensor, shown: Input) -> torch.Tensor:
    """Bytes [b, s, s, 3] to the encoder's input [b, 3, s, s] f32."""
    planes = views.permute(0, 3, 1, 2)
    values = planes.float() / 255 if shown.divide else (planes.double() * (1 / 255)).float()
    mean, std = (torch.tensor(numbers, device=views.device)[:, None, None] for numbers in (shown.mean, shown.std))
    return ((values - mean) / std).contiguous()
