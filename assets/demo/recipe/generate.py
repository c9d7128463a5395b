"""Greedy answers, one conversation at a time: the slow and simple way, for comparison with the engine."""

import numpy as np
import torch

from .model.cambrian import NOTHING_OFF, Ablation, Cambrian
from .preprocess import inputs, view
from .tokens import Tokenizer


@torch.no_grad()
def answer(
    model: Cambrian,
    tokenizer: Tokenizer,
    rgb: np.ndarray | None,
    question: str,
    off: Ablation = NOTHING_OFF,
    most: int = 64,
) -> tuple[list[int], torch.Tensor]:
    """The answer about a picture [h, w, 3] u8: its ids, end of turn included, and the logits of each step."""
    prefix, (asked, _) = tokenizer.prefix(), tokenizer.turn(question, None, first=True)
    embed, image = model.model.embed_tokens, None
    parts = [embed(torch.tensor([prefix]))]
    if rgb is not None:
        views = [torch.from_numpy(view(rgb, shown))[None] for shown in inputs(model.dims)]
        seen = model.see(model.look(model.pixels(views)), (rgb.shape[1], rgb.shape[0]), off)
        parts.append(model.image_tokens(model.connect(seen), seen.geometry))
        image = (len(prefix), seen)
    start = torch.cat([*parts, embed(torch.tensor([asked]))], dim=1)
    ids: list[int] = []
    steps = []
    while len(ids) < most and (not ids or ids[-1] not in (tokenizer.end, tokenizer.end_of_turn)):
        embeddings = torch.cat((start, embed(torch.tensor([ids], dtype=torch.long))), dim=1) if ids else start
        length = embeddings.shape[1]
        causal = torch.ones(1, length, length, dtype=torch.bool).tril()
        state = model.decode(embeddings, torch.arange(length)[None], causal, image)[0, -1]
        steps.append(model.lm_head(state))
        ids.append(int(steps[-1].argmax()))
    return ids, torch.stack(steps)
