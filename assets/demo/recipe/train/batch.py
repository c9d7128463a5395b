"""Batches: the scenes of one step with everything that is learnt from them.

A batch is a function of (seed, stage, step), so training can stop and go on anywhere and any process can make any of
them. All pictures of a batch have the same size; conversations about a picture follow one another in one sequence and
see the picture and themselves only.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ..dimensions import Dimensions
from ..preprocess import inputs, view
from ..questions.choose import Balancer, Item
from ..scene.draw import draw
from ..scene.layout import picture_size, random_scene
from ..tokens import Tokenizer
from . import labels

IGNORED = -100
"""Target of positions that predict nothing."""


@dataclass
class Text:
    """Conversations as tensors [b, t]: what follows the prefix and the image.

    ``segments``: number of the conversation from 1, 0 for filling; ``positions``: from 0 in each conversation.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor


KINDS = ("answers", "blind", "oracle", "encoders")
"""Questions about pictures, without pictures, about oracle tokens; pictures alone, for the encoders."""


@dataclass
class Batch:
    """One step. ``views``: bytes per tower [b, s, s, 3]; ``dense``: labels per tower that has any, by its index.

    Only what a batch of its ``kind`` needs is there; the rest is empty.
    """

    kind: str
    size: tuple[int, int]
    views: list[torch.Tensor]
    text: Text | None
    oracle: dict[str, torch.Tensor]
    dense: dict[int, dict[str, torch.Tensor]]

    def to(self, device: torch.device) -> "Batch":
        """The batch on ``device``."""

        def move(tensors: dict) -> dict:
            return {key: tensor.to(device, non_blocking=True) for key, tensor in tensors.items()}

        return Batch(
            self.kind,
            self.size,
            [view.to(device, non_blocking=True) for view in self.views],
            None if self.text is None else Text(**move(vars(self.text))),
            move(self.oracle),
            {k: move(tensors) for k, tensors in self.dense.items()},
        )


DENSE_TOWERS = (0, 1, 3)
"""Towers that are trained on labels of what is visible: all but the self-supervised one."""


def conversations(items: list[Item], rng: np.random.Generator, most: int = 3) -> list[list[Item]]:
    """``items`` in conversations of one to ``most`` turns."""
    groups, rest = [], list(items)
    while rest:
        turns = int(rng.integers(1, most + 1))
        groups.append(rest[:turns])
        rest = rest[turns:]
    return groups


def pack(tokenizer: Tokenizer, scenes: list[list[list[Item]]]) -> Text:
    """The conversations of each scene as one sequence."""
    rows = []
    for talks in scenes:
        ids, segments, positions, targets = [], [], [], []
        for segment, talk in enumerate(talks, start=1):
            words, said = [], []
            for turn, item in enumerate(talk):
                more, predicted = tokenizer.turn(item.question, item.answer, first=turn == 0)
                words += more
                said += predicted
            ids += words
            segments += [segment] * len(words)
            positions += range(len(words))
            targets += [word if spoken else IGNORED for word, spoken in zip(words[1:], said[1:])] + [IGNORED]
        rows.append((ids, segments, positions, targets))
    length = max(len(row[0]) for row in rows)
    filling = (tokenizer.end, 0, 0, IGNORED)
    columns = [
        torch.tensor([list(row[i]) + [fill] * (length - len(row[i])) for row in rows]) for i, fill in enumerate(filling)
    ]
    return Text(*columns)


def _stack(parts: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.stack([part[key] for part in parts])) for key in parts[0]}


@dataclass(frozen=True)
class BatchMaker(Dataset):
    """Makes the batches of one stage; a map-style data set whose index is the step. ``mix``: share of each kind."""

    dims: Dimensions
    tokenizer: Tokenizer
    seed: int
    stage: int
    scenes: int
    questions: int
    mix: tuple[tuple[str, float], ...]

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, self.stage, step))
        kinds, shares = zip(*self.mix)
        kind = str(rng.choice(kinds, p=np.array(shares) / sum(shares)))
        size = picture_size(rng)
        scenes = [random_scene(rng, size, dense=kind == "encoders") for _ in range(self.scenes)]
        batch = Batch(kind, size, views=[], text=None, oracle={}, dense={})
        if kind in ("answers", "encoders"):
            drawings = [draw(scene) for scene in scenes]
            for shown in inputs(self.dims):
                batch.views.append(torch.from_numpy(np.stack([view(drawing.rgb, shown) for drawing in drawings])))
        if kind == "encoders":
            for k in DENSE_TOWERS:
                side = self.dims.towers[k].tokens
                batch.dense[k] = _stack([labels.dense(*pair, side) for pair in zip(scenes, drawings)])
        else:
            balancer = Balancer()
            asked = [conversations(balancer.choose(scene, rng, self.questions), rng) for scene in scenes]
            batch.text = pack(self.tokenizer, asked)
            batch.oracle = _stack([labels.oracle(scene, self.dims.query) for scene in scenes])
        return batch
