"""What is learnt: answers, and for each encoder its own objective.

SigLIP and CLIP learn from captions of what is visible at each of their tokens (a sigmoid for each word, a softmax over
the words of each kind), DINOv2 from itself (it fills in masked patches) and from where things lie, ConvNeXt from
captions and printed characters. What is here beside the model is thrown away after training.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..dimensions import Dimensions
from ..model.cambrian import Cambrian, Seen
from ..model.geometry import to_cells
from ..scene.glyphs import ALPHABET
from ..tokens import Tokenizer
from .batch import DENSE_TOWERS, IGNORED, Batch, Text
from .labels import KINDS
from .oracle import CELL_KINDS, WAVES, Oracle, waves

MASKED = 0.5
"""Share of patches DINOv2 has to fill in."""

RECALLED = 2
"""How many of the things a question mentions are to be remembered where it is answered."""

ASKED = (
    ("colour", "size"),
    ("colour", "texture"),
    ("overlap", "place"),
    ("shape", "colour", "overlap", "number", "word"),
)
"""What each encoder is asked about the things whose centres lie in a cell: a division of labour. DINOv2 is told nothing
that has a name."""

PARTS = ("size", "texture", "place")
"""What SigLIP, CLIP and DINOv2 are there for: what the visual tokens do not tell without them."""


class Captions(nn.Module):
    """What an encoder's tokens say, by linear heads: of what lies at each token, and of what is centred in each cell.

    ``window``: tokens of a cell; ``asked``: what it is asked for.
    """

    def __init__(self, width: int, window: int, asked: tuple[str, ...], dense: bool) -> None:
        super().__init__()
        self.kinds = [name for name in asked if name in CELL_KINDS]
        self.cells = nn.Linear(window * width, sum(CELL_KINDS[name] for name in self.kinds))
        self.places = nn.Linear(window * width, 2 * WAVES) if "place" in asked else None
        self.dense_kinds = [name for name in asked if name in KINDS]
        self.dense = nn.Linear(width, sum(KINDS[name] for name in self.dense_kinds)) if dense else None


class Heads(nn.Module):
    """Everything that training needs beside the model."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.oracle = Oracle(dims.hidden)
        self.mention = nn.Linear(dims.hidden, dims.hidden)
        self.tally = nn.Linear(dims.hidden, 1)
        self.recall = nn.Linear(dims.hidden, 2 * RECALLED)
        windows = [(tower.tokens // dims.query) ** 2 for tower in dims.towers]
        self.captions = nn.ModuleList(
            Captions(dims.sva, window, asked, dense=k in DENSE_TOWERS)
            for k, (window, asked) in enumerate(zip(windows, ASKED))
        )
        self.patches = nn.Linear(dims.dinov2.width, 3 * dims.dinov2.patch**2)
        self.letters = nn.Linear(dims.convnext.widths[1], len(ALPHABET) + 1)


def answers(
    model: Cambrian,
    heads: Heads,
    tokenizer: Tokenizer,
    text: Text,
    image: torch.Tensor | None,
    seen: Seen | None,
    wanted: torch.Tensor,
    places: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Cross entropy of the answers, and whether what they need has been found on the way up the decoder.

    Half-way up: what each mentioned thing is, and, of a kind that is spoken of, the mean of all there are and one empty
    thing (attention with a place to rest finds just that, and its length tells how many they are). Before the last
    layer: how many of a kind there are, and, where an answer is given, the places of the mentioned things.

    ``image``: image tokens [b, n, h], or None for conversations without a picture; ``wanted``: what the oracle says of
    each cell [b, query², h]; ``places`` [b, query², 2]: where what is centred in each cell lies.
    """
    states, half, late = decode_packed(model, tokenizer, text, image, seen)
    found = {"answers": F.cross_entropy(model.lm_head(states), text.targets[text.targets != IGNORED])}
    return found if image is None else found | _on_the_way(heads, text, half, late, wanted, places)


def _on_the_way(
    heads: Heads, text: Text, half: torch.Tensor, late: torch.Tensor, wanted: torch.Tensor, places: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What is found half-way up the decoder and before its last layer (see :func:`answers`)."""
    width = half.shape[-1:]
    row, column, scene, cell = text.mentions.unbind(1)
    of_group = text.groups[:, :2].unbind(1)
    group = wanted.new_zeros(len(text.groups), wanted.shape[1])
    group[text.members.unbind(1)] = 1
    number = group.sum(dim=1)
    mean = torch.einsum("gc,gch->gh", group, wanted[text.groups[:, 2]]) / (number + 1)[:, None]
    target = torch.cat((wanted[scene, cell], mean)).detach()
    named = heads.mention(F.rms_norm(torch.cat((half[row, column], half[of_group])), width))
    counted = heads.tally(F.rms_norm(late[of_group], width))[:, 0]
    row, column, which, scene, cell = text.recalls.unbind(1)
    recalled = heads.recall(F.rms_norm(late[row, column], width)).unflatten(1, (RECALLED, 2))
    there = recalled[torch.arange(len(row), device=row.device), which]
    return {
        "mentions": F.mse_loss(named, target) / target.var().clamp(min=1e-6),
        "tallies": F.smooth_l1_loss(counted, number) if len(number) else counted.sum(),
        "recalls": 3 * F.mse_loss(there, places[scene, cell]),
    }


def decode_packed(
    model: Cambrian, tokenizer: Tokenizer, text: Text, image: torch.Tensor | None, seen: Seen | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The decoder's final states [n, h] at the ``n`` positions of packed conversations that predict an answer.

    With them those of all positions half-way up and before the last layer [r, t, h].
    """
    device, core = text.ids.device, model.model
    start = core.embed_tokens(torch.tensor(tokenizer.prefix(), device=device)).expand(text.scenes, -1, -1)
    first = start.shape[1]
    if image is not None:
        start = torch.cat((start, image), dim=1)
    length = text.ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    allowed = causal & (text.segments[:, None, :] == text.segments[:, :, None])
    where = None if image is None or seen is None else (first, seen)
    rows = core.embed_tokens(text.ids)
    wanted = text.targets != IGNORED
    return model.decode_rows(start, where, rows, text.owner, text.positions + start.shape[1], allowed, wanted)


def _weighed(each: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Mean of the losses ``each`` where something is ``shown``, and a little of the mean elsewhere."""
    seen = shown.float()
    weight = seen / seen.sum().clamp(min=1) + 0.5 * (1 - seen) / (1 - seen).sum().clamp(min=1)
    return (each * weight).sum()


def _word_loss(logits: torch.Tensor, target: torch.Tensor, sigmoid: bool) -> torch.Tensor:
    """How far ``logits`` [n, words] are from naming ``target`` [n]: a sigmoid for each word, or a softmax."""
    if not sigmoid:
        return F.cross_entropy(logits, target, reduction="none")
    signs = F.one_hot(target, logits.shape[1]).to(logits.dtype)
    return 0.3 * F.binary_cross_entropy_with_logits(logits, signs, reduction="none").sum(dim=1)


def _captions(
    heads: Captions, tokens: torch.Tensor, query: int, oracle: dict[str, torch.Tensor], seen: torch.Tensor | None,
    sigmoid: bool,
) -> torch.Tensor:  # fmt: skip
    """Loss of an encoder's projected ``tokens`` [b, n, c]. ``seen``: what lies at each token (see ``labels.dense``)."""
    batch, count, width = tokens.shape
    side = int(count**0.5)
    cells = to_cells(tokens.reshape(batch, side, side, width), query).flatten(2)
    labels = dict(zip(KINDS, oracle["cells"].unbind(-1))) | {"number": oracle["number"], "word": oracle["word"]}
    thing = labels["shape"].flatten() > 0
    loss = tokens.new_zeros(())
    found = heads.cells(cells).flatten(0, 1).split([CELL_KINDS[name] for name in heads.kinds], dim=-1)
    for name, logits in zip(heads.kinds, found):
        target = labels[name].flatten()
        each = _word_loss(logits, target, sigmoid)
        if name in ("shape", "number", "word"):
            loss = loss + _weighed(each, target > 0)
        elif name == "overlap":
            loss = loss + _weighed(each[thing], target[thing] > 0)
        else:
            loss = loss + each[thing].mean()
    if heads.places is not None:
        places = heads.places(cells).flatten(0, 1).split(WAVES, dim=-1)
        for name, shown, where in zip(("place", "sign_place"), (thing, labels["word"].flatten() > 0), places):
            if shown.any():
                right = waves(oracle[name]).flatten(0, 1)[shown]
                loss = loss + 10 * F.smooth_l1_loss(where[shown], right, beta=0.05)
    if seen is not None:
        covered = seen[..., 0].flatten() > 0
        parts = heads.dense(tokens).flatten(0, 1).split([KINDS[name] for name in heads.dense_kinds], dim=-1)
        there = dict(zip(KINDS, seen.flatten(0, 1).unbind(-1)))
        for name, logits in zip(heads.dense_kinds, parts):
            target = there[name]
            each = _word_loss(logits, target, sigmoid)
            if name == "shape":
                loss = loss + _weighed(each, covered)
            elif name == "overlap":
                loss = loss + _weighed(each[covered], target[covered] > 0)
            else:
                loss = loss + each[covered].mean()
    return loss


def _self_supervised(heads: Heads, model: Cambrian, pixels: torch.Tensor) -> torch.Tensor:
    """How well DINOv2 fills in masked patches (each normalised by itself)."""
    tower, dims = model.towers[2], model.dims.dinov2
    whole = pixels[..., : dims.grid * dims.patch, : dims.grid * dims.patch]
    patches = F.unfold(whole, dims.patch, stride=dims.patch).transpose(1, 2)
    patches = (patches - patches.mean(dim=-1, keepdim=True)) / (patches.std(dim=-1, keepdim=True) + 0.1)
    hidden = torch.rand(patches.shape[:2], device=pixels.device) < MASKED
    filled = heads.patches(tower.patches(pixels, hidden))
    return F.smooth_l1_loss(filled[hidden], patches[hidden])


def encoders(
    model: Cambrian, heads: Heads, batch: Batch, *, whole: bool
) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
    """The objectives of ConvNeXt, which has the most to learn, and of one of the others in turn.

    With them the projected features of all encoders, if ``whole``, else of those two.
    """
    views, towers, query = model.pixels(batch.views), model.towers, model.dims.query
    k = int(torch.randint(3, ()))
    stages = towers[3].stages(views[3])
    features = {i: towers[i](views[i]) for i in range(3) if whole or i == k} | {3: towers[3].gather(stages)}
    projected = {i: model.project(i, feature) for i, feature in features.items()}

    def captions(i: int) -> torch.Tensor:
        seen = batch.dense[i]["attributes"] if i in batch.dense else None
        return _captions(heads.captions[i], projected[i], query, batch.oracle, seen, sigmoid=i == 0)

    letters = heads.letters(stages[1].flatten(2).transpose(1, 2)).flatten(0, 1)
    target = batch.dense[3]["characters"].flatten()
    losses = {
        "convnext": captions(3),
        "letters": _weighed(F.cross_entropy(letters, target, reduction="none"), target > 0),
        ("siglip", "clip", "dinov2")[k]: captions(k),
    }
    if k == 2:
        losses["masked"] = _self_supervised(heads, model, views[2])
    return losses, list(projected.values())
