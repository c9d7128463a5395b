"""Batches: the scenes of one step with everything that is learnt from them.

A batch is a function of (seed, stage, step), so training can stop and go on anywhere and any process can make any of
them. All pictures of a batch have the same size; conversations about a picture follow one another in one sequence and
see the picture and themselves only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ..dimensions import Dimensions
from ..preprocess import inputs, view
from ..questions.choose import Balancer, Item
from ..scene.draw import draw
from ..scene.layout import cell_of, picture_size, random_scene
from ..tokens import Tokenizer
from . import labels

IGNORED = -100
"""Target of positions that predict nothing."""


ROW = 64
"""Tokens in a row of packed conversations: no conversation is longer."""


@dataclass
class Text:
    """Conversations as rows of tensors [r, t], several in each: what follows the prefix and the image.

    ``owner`` [r]: the scene a row is about, of ``scenes``; ``segments``: number of the conversation about that scene
    from 1, 0 for filling; ``positions``: from 0 in each conversation; ``mentions`` [m, 4]: where a thing is referred to
    (row, column), and where it is (scene, cell of the query grid); ``groups`` [k, 3]: where a kind of things is spoken
    of, and the scene; ``members`` [l, 2]: the number of a group, and the cell of one of its things; ``recalls`` [p, 5]:
    where an answer is given, the number of one of the things its question mentions, and where that is.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    owner: torch.Tensor
    mentions: torch.Tensor
    groups: torch.Tensor
    members: torch.Tensor
    recalls: torch.Tensor
    scenes: int

    def to(self, device: torch.device) -> "Text":
        """The same on ``device``."""
        values = {name: value for name, value in vars(self).items() if name != "scenes"}
        return Text(**{name: value.to(device, non_blocking=True) for name, value in values.items()}, scenes=self.scenes)


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
            None if self.text is None else self.text.to(device),
            move(self.oracle),
            {k: move(tensors) for k, tensors in self.dense.items()},
        )


DENSE_TOWERS = (0, 1, 3)
"""Towers that are trained on labels of what is visible: all but the self-supervised one."""


def conversations(items: list[Item], rng: np.random.Generator) -> list[list[Item]]:
    """``items`` in conversations of one to three turns, most of one."""
    groups, rest = [], list(items)
    while rest:
        turns = int(rng.choice(3, p=(0.7, 0.2, 0.1))) + 1
        groups.append(rest[:turns])
        rest = rest[turns:]
    return groups


@dataclass
class _Talk:
    """A conversation as far as it fits in a row: ids, and what each is to predict.

    By their place in it: which object is ``mentioned``, which are ``grouped``, and, where an answer is given, the
    number and the object of each mention that it is about (``recalled``).
    """

    ids: list[int]
    targets: list[int]
    mentioned: list[tuple[int, int | None]]
    grouped: list[tuple[int, tuple[int, ...]]]
    recalled: list[tuple[int, int, int | None]]


def _tokens(tokenizer: Tokenizer, talk: list[Item]) -> _Talk:
    ids, said, mentioned, grouped, recalled = [], [], [], [], []
    for turn, item in enumerate(talk):
        more, predicted = tokenizer.turn(item.question, item.answer, first=turn == 0)
        if turn and len(ids) + len(more) > ROW:
            break
        start = len(ids) + (0 if turn == 0 else tokenizer.between)
        mentioned += [(start + len(tokenizer.encode(text)) - 1, index) for text, index in item.mentions]
        grouped += [(start + len(tokenizer.encode(text)) - 1, indices) for text, indices in item.groups]
        answers = [len(ids) + at - 1 for at, spoken in enumerate(predicted) if spoken]
        recalled += [(at, which, index) for at in answers for which, (_, index) in enumerate(item.mentions)]
        ids += more
        said += predicted
    targets = [word if spoken else IGNORED for word, spoken in zip(ids[1:], said[1:])] + [IGNORED]
    return _Talk(ids, targets, mentioned, grouped, recalled)


def pack(
    tokenizer: Tokenizer, scenes: list[list[list[Item]]], cells: Callable[[int, int | None], int] | None = None
) -> Text:
    """The conversations of each scene, the longest first, each in the first row that has room.

    ``cells`` says in which cell of a scene an object (or the sign) lies; without it mentions are left out.
    """
    mentions: list[tuple[int, int, int, int]] = []
    groups: list[tuple[int, int, int]] = []
    members: list[tuple[int, int]] = []
    recalls: list[tuple[int, int, int, int, int]] = []
    rows: list[tuple[list[int], list[int], list[int], list[int]]] = []
    owners: list[int] = []
    for owner, talks in enumerate(scenes):
        first = len(rows)
        cut = ((segment, _tokens(tokenizer, talk)) for segment, talk in enumerate(talks, start=1))
        for segment, talk in sorted(cut, key=lambda one: -len(one[1].ids)):
            ids = talk.ids
            place = next((i for i in range(first, len(rows)) if len(rows[i][0]) + len(ids) <= ROW), len(rows))
            if place == len(rows):
                rows.append(([], [], [], []))
                owners.append(owner)
            row = rows[place]
            if cells is not None:
                shift = len(row[0])
                mentions += [(place, shift + at, owner, cells(owner, index)) for at, index in talk.mentioned]
                for at, indices in talk.grouped:
                    members += [(len(groups), cells(owner, index)) for index in indices]
                    groups.append((place, shift + at, owner))
                recalls += [
                    (place, shift + at, which, owner, cells(owner, index)) for at, which, index in talk.recalled
                ]
            for column, more in zip(row, (ids, [segment] * len(ids), range(len(ids)), talk.targets)):
                column += more
    length = max((len(row[0]) for row in rows), default=1)
    filling = (tokenizer.end, 0, 0, IGNORED)
    columns = [
        torch.tensor([row[i] + [fill] * (length - len(row[i])) for row in rows]).reshape(-1, length)
        for i, fill in enumerate(filling)
    ]
    about = (
        torch.tensor(found, dtype=torch.long).reshape(-1, width)
        for found, width in ((mentions, 4), (groups, 3), (members, 2), (recalls, 5))
    )
    return Text(*columns, torch.tensor(owners, dtype=torch.long), *about, len(scenes))


def _stack(parts: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.stack([part[key] for part in parts])) for key in parts[0]}


HARD = {"count": 3, "distance": 2, "existence": 2, "number": 2, "relation": 2}
"""Families that take longer to learn, and how many times as often they are asked about in training."""

CHINESE = 0.2
"""Share of questions asked in Chinese in training: more than in evaluation, for it is as much to learn as English."""


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
            made: dict[tuple, torch.Tensor] = {}
            for shown in inputs(self.dims):
                same = (shown.size, shown.background)
                if same not in made:
                    made[same] = torch.from_numpy(np.stack([view(drawing.rgb, shown) for drawing in drawings]))
                batch.views.append(made[same])
        if kind == "encoders":
            for k in DENSE_TOWERS:
                side = self.dims.towers[k].tokens
                batch.dense[k] = _stack([labels.dense(*pair, side) for pair in zip(scenes, drawings)])
            side = self.dims.convnext.size // 8
            batch.dense[3]["characters"] = torch.from_numpy(
                np.stack([labels.characters(*pair, side) for pair in zip(scenes, drawings)])
            )
        else:
            balancer = Balancer(HARD, CHINESE)
            asked = [conversations(balancer.choose(scene, rng, self.questions), rng) for scene in scenes]

            def cell(owner: int, index: int | None) -> int:
                scene, query = scenes[owner], self.dims.query
                thing = scene.sign if index is None else scene.objects[index]
                row, column = cell_of(thing.x, thing.y, scene.width, scene.height, query)
                return row * query + column

            batch.text = pack(self.tokenizer, asked, cell)
        batch.oracle = _stack([labels.oracle(scene, self.dims.query) for scene in scenes])
        return batch
