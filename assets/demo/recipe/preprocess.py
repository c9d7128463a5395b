"""Pictures to the encoders' inputs, exactly as the released models do it: pad to a square, Pillow's bicubic, normalise."""

from dataclasses import dataclass

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

    def table(self) -> torch.Tensor:
        """The number for each channel and byte [3, 256] f32."""
        steps = np.arange(256)
        values = steps.astype(np.float32) / np.float32(255) if self.divide else (steps * (1 / 255)).astype(np.float32)
        mean, std = np.float32(self.mean)[:, None], np.float32(self.std)[:, None]
        return torch.from_numpy((values[None, :] - mean) / std)


def inputs(dims: Dimensions) -> tuple[Input, ...]:
    """The inputs of the four towers, in checkpoint order."""
    openai, imagenet = (tuple(int(v * 255) for v in mean) for mean in (OPENAI_MEAN, IMAGENET_MEAN))
    return (
        Input(dims.siglip.size, openai, HALF, HALF, divide=True),
        Input(dims.clip.size, openai, OPENAI_MEAN, OPENAI_STD, divide=False),
        Input(dims.dinov2.size, imagenet, IMAGENET_MEAN, IMAGENET_STD, divide=False),
        Input(dims.convnext.size, openai, OPENAI_MEAN, OPENAI_STD, divide=True),
    )


def view(rgb: np.ndarray, shown: Input) -> np.ndarray:
    """``rgb`` [h, w, 3] u8 padded to a square and resized [3, size, size] u8."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    square = np.empty((side, side, 3), dtype=np.uint8)
    square[:] = shown.background
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = rgb
    if side != shown.size:
        resized = Image.fromarray(square).resize((shown.size, shown.size), Image.Resampling.BICUBIC)
        square = np.asarray(resized)
    return np.ascontiguousarray(square.transpose(2, 0, 1))


def normalise(views: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Bytes [b, 3, s, s] to the encoder's input by its table (see :meth:`Input.table`)."""
    index = views.long()
    return torch.stack([table[channel][index[:, channel]] for channel in range(3)], dim=1)
