"""The stages of training, in order: what each may change, what it learns from, and its share of the time.

1. ``decoder``: the decoder learns the questions from oracle tokens, made from labels instead of pictures.
2. ``encoders``: each encoder learns to see by its own objective; the others' and the decoder's weights play no part.
3. ``connector``: the paper's first stage: projectors, connector and samplers learn to hand over what the encoders see,
   everything else is frozen. The oracle tokens are what the visual tokens should look like.
4. ``joint``: the paper's second stage: everything together. Encoders are switched off at random, the pull towards the
   oracle tokens fades, and the encoders' own objectives go on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..model.cambrian import NOTHING_OFF, Ablation, Cambrian
from ..model.geometry import geometry
from ..tokens import Tokenizer
from .batch import Batch
from .objectives import Heads, answers, encoders

TOWER_DROPOUT = 0.04
"""Chance that an answer has to be found without a certain encoder."""


@dataclass(frozen=True)
class Stage:
    """``share`` of the time; ``mix`` of batch kinds; ``pull`` towards the oracle tokens at progress 0 and 1."""

    name: str
    share: float
    mix: tuple[tuple[str, float], ...]
    pull: tuple[float, float]
    dropout: float
    trains: Callable[[str], bool]


def _decoder(key: str) -> bool:
    words = ("model.layers", "model.embed_tokens", "model.norm", "model.image_newline", "lm_head", "oracle")
    return key.startswith(words)


def _encoders(key: str) -> bool:
    return key.startswith(("towers", "model.mm_projector_aux", "captions", "patches", "letters"))


def _connector(key: str) -> bool:
    return key.startswith(("model.mm_projector", "model.vision_"))


STAGES = {
    stage.name: stage
    for stage in (
        Stage("decoder", 0.22, (("oracle", 0.97), ("blind", 0.03)), (0, 0), 0, _decoder),
        Stage("encoders", 0.22, (("encoders", 1.0),), (0, 0), 0, _encoders),
        Stage("connector", 0.08, (("answers", 1.0),), (1.0, 1.0), TOWER_DROPOUT, _connector),
        Stage(
            "joint", 0.70, (("answers", 0.55), ("encoders", 0.37), ("oracle", 0.05), ("blind", 0.03)),
            (0.5, 0.0), TOWER_DROPOUT, lambda key: True,
        ),
    )
}  # fmt: skip
"""By name, in order."""

LEVELS = (("decoder", "encoders"), ("connector",), ("joint",))
"""Names of stages; those of one level need nothing of each other."""


def losses(
    stage: Stage, progress: float, model: Cambrian, heads: Heads, tokenizer: Tokenizer, batch: Batch
) -> dict[str, torch.Tensor]:
    """What ``batch`` asks to be made small, by name."""
    if batch.kind == "encoders":
        return encoders(model, heads, batch)
    if batch.kind == "blind":
        return {"blind": answers(model, tokenizer, batch.text, None, None)}
    place = geometry(model.dims, *batch.size)
    wanted = heads.oracle(batch.oracle)
    if batch.kind == "oracle":
        return {"oracle": answers(model, tokenizer, batch.text, model.image_tokens(wanted, place), None)}

    off = NOTHING_OFF
    if torch.rand(()) < stage.dropout * len(model.towers):
        off = Ablation(frozenset((int(torch.randint(len(model.towers), ())),)))
    seen = model.see(model.look(model.pixels(batch.views)), batch.size, off)
    visual = model.connect(seen)
    image = model.image_tokens(visual, place)
    found = {"answers": answers(model, tokenizer, batch.text, image, seen)}
    pull = stage.pull[0] + (stage.pull[1] - stage.pull[0]) * min(1.0, 2 * progress)
    if pull > 0:
        kept, wanted = place.kept, wanted.detach()
        error = F.mse_loss(visual[:, kept], wanted[:, kept]) / wanted[:, kept].var().clamp(min=1e-6)
        found["pull"] = pull * error
    return found
