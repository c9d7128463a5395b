"""What is learnt: answers, and for each encoder its own objective.

SigLIP and CLIP learn from captions of what is visible at each of their tokens (pairwise sigmoids and a softmax over all
captions of the batch), DINOv2 from itself (it fills in masked patches), ConvNeXt from the words of the captions one by
one, printed characters included. What is here beside the model is thrown away after training.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..dimensions import Dimensions
from ..model.cambrian import Cambrian, Seen
from ..scene.glyphs import ALPHABET
from ..tokens import Tokenizer
from .batch import IGNORED, Batch, Text
from .labels import KINDS, NUMBERS, SIGNS

CAPTIONED = 768
"""Tokens per tower and batch that are compared with captions."""

MASKED = 0.5
"""Share of patches DINOv2 has to fill in."""


class Oracle(nn.Module):
    """Visual tokens made from the labels of a scene instead of its picture."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        sizes = (*KINDS.values(), NUMBERS, SIGNS)
        self.tables = nn.ModuleList(nn.Embedding(size, hidden) for size in sizes)
        for embedding in self.tables:
            nn.init.normal_(embedding.weight, std=0.3)
            nn.init.zeros_(embedding.weight[0])
        self.offset, self.sign_offset = nn.Linear(2, hidden, bias=False), nn.Linear(2, hidden, bias=False)

    def forward(self, labels: dict[str, torch.Tensor]) -> torch.Tensor:
        """Labels of the query grid (see ``labels.oracle``) to visual tokens [b, query², h]."""
        values = [*labels["cells"].unbind(-1), labels["number"], labels["word"]]
        tokens = sum(table(value) for table, value in zip(self.tables, values))
        return tokens + self.offset(labels["offset"]) + self.sign_offset(labels["sign_offset"])


class Captions(nn.Module):
    """Compares tokens with captions: the words of a caption are summed and projected."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(size, width) for size in KINDS.values())
        self.text = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.picture = nn.Linear(width, width)
        self.scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, tokens: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Some of ``tokens`` [b, n, c] against the batch's captions: similarities [m, captions], index of the own."""
        tokens, attributes = tokens.flatten(0, 1), attributes.flatten(0, 1)
        covered = attributes[:, 0] > 0
        # Background is everywhere: most of the tokens compared show something.
        chance = torch.rand(covered.shape, device=covered.device) + covered
        chosen = chance.topk(min(CAPTIONED, len(chance))).indices
        captions, own = attributes[chosen].unique(dim=0, return_inverse=True)
        text = self.text(sum(word(column) for word, column in zip(self.words, captions.unbind(-1))))
        picture = self.picture(tokens[chosen])
        similarity = F.normalize(picture, dim=-1) @ F.normalize(text, dim=-1).T
        return similarity * self.scale.exp(), own


class Heads(nn.Module):
    """Everything that training needs beside the model."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.oracle = Oracle(dims.hidden)
        self.captions = nn.ModuleList([Captions(dims.sva), Captions(dims.sva)])
        self.captions_bias = nn.Parameter(torch.tensor(-4.0))
        self.centres = nn.ModuleList([nn.Linear(dims.sva, 2), nn.Linear(dims.sva, 2)])
        self.patches = nn.Linear(dims.dinov2.width, 3 * dims.dinov2.patch**2)
        self.words = nn.Linear(dims.sva, sum(KINDS.values()) + len(ALPHABET) + 1)


def answers(
    model: Cambrian, tokenizer: Tokenizer, text: Text, image: torch.Tensor | None, seen: Seen | None
) -> torch.Tensor:
    """Cross entropy of the answers. ``image``: image tokens [b, n, h], or None for conversations without a picture."""
    states = decode_packed(model, tokenizer, text, image, seen)
    wanted = text.targets != IGNORED
    return F.cross_entropy(model.lm_head(states[wanted]).float(), text.targets[wanted])


def decode_packed(
    model: Cambrian, tokenizer: Tokenizer, text: Text, image: torch.Tensor | None, seen: Seen | None
) -> torch.Tensor:
    """The decoder's final states of packed conversations [b, t, h] after the prefix and the image."""
    batch, _ = text.ids.shape
    device = text.ids.device
    prefix = torch.tensor(tokenizer.prefix(), device=device).expand(batch, -1)
    parts = [model.model.embed_tokens(prefix), model.model.embed_tokens(text.ids)]
    if image is not None:
        parts.insert(1, image)
    embeddings = torch.cat(parts, dim=1)
    length, before = embeddings.shape[1], embeddings.shape[1] - text.ids.shape[1]
    common = torch.zeros(batch, before, dtype=torch.long, device=device)
    # Filling is a conversation of its own.
    segments = torch.cat((common, torch.where(text.segments == 0, -1, text.segments)), dim=1)
    start = torch.arange(before, device=device).expand(batch, -1)
    positions = torch.cat((start, text.positions + before), dim=1)
    causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    allowed = causal & ((segments[:, None, :] == segments[:, :, None]) | (segments[:, None, :] == 0))
    where = None if image is None or seen is None else (prefix.shape[1], seen)
    return model.decode(embeddings, positions, allowed, where)[:, before:]


def _language(heads: Heads, which: int, tokens: torch.Tensor, labels: dict[str, torch.Tensor]) -> torch.Tensor:
    """Caption loss and way to the object's centre of SigLIP (``which`` 0) or CLIP (1)."""
    similarity, own = heads.captions[which](tokens, labels["attributes"])
    if which == 0:
        logits = similarity + heads.captions_bias
        signs = F.one_hot(own, logits.shape[1]) * 2.0 - 1
        loss = -F.logsigmoid(signs * logits).sum(dim=1).mean()
    else:
        loss = F.cross_entropy(similarity, own)
    covered = labels["attributes"][..., 0] > 0
    way = heads.centres[which](tokens)[covered]
    return loss + F.smooth_l1_loss(way, labels["centre"][covered]) if covered.any() else loss


def _self_supervised(heads: Heads, model: Cambrian, pixels: torch.Tensor) -> torch.Tensor:
    """How well DINOv2 fills in masked patches (each normalised by itself)."""
    tower, dims = model.towers[2], model.dims.dinov2
    whole = pixels[..., : dims.grid * dims.patch, : dims.grid * dims.patch]
    patches = F.unfold(whole, dims.patch, stride=dims.patch).transpose(1, 2)
    patches = (patches - patches.mean(dim=-1, keepdim=True)) / (patches.std(dim=-1, keepdim=True) + 0.1)
    hidden = torch.rand(patches.shape[:2], device=pixels.device) < MASKED
    filled = heads.patches(tower.patches(pixels, hidden))
    return F.smooth_l1_loss(filled[hidden], patches[hidden])


def _words(heads: Heads, tokens: torch.Tensor, labels: dict[str, torch.Tensor]) -> torch.Tensor:
    """ConvNeXt: each attribute and printed character at each token; what is rare weighs more."""
    loss = tokens.new_zeros(())
    parts = heads.words(tokens).split((*KINDS.values(), len(ALPHABET) + 1), dim=-1)
    targets = (*labels["attributes"].unbind(-1), labels["characters"])
    for logits, target in zip(parts, targets):
        each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
        shown = (target.flatten() > 0).float()
        weight = shown / shown.sum().clamp(min=1) + 0.25 * (1 - shown) / (1 - shown).sum().clamp(min=1)
        loss = loss + (each * weight).sum()
    return loss


def encoders(model: Cambrian, heads: Heads, batch: Batch) -> dict[str, torch.Tensor]:
    """The objective of every encoder."""
    pixels = model.pixels(batch.views)
    projected = {k: model.project(k, model.towers[k](pixels[k])) for k in (0, 1, 3)}
    return {
        "siglip": _language(heads, 0, projected[0], batch.dense[0]),
        "clip": _language(heads, 1, projected[1], batch.dense[1]),
        "dinov2": _self_supervised(heads, model, pixels[2]),
        "convnext": _words(heads, projected[3], batch.dense[3]),
    }
