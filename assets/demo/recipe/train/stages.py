"""The stages of training, in order: what each may change, what it learns from, and its share of the time.

1. ``decoder``: the decoder learns the questions from oracle tokens, made from labels instead of pictures.
2. ``encoders``: each encoder learns to see by its own objective; the others' and the decoder's weights play no part.
3. ``sight``: the encoders go on, and the connector learns to make the oracle's tokens out of what they see.
4. ``connector``: the paper's first stage: projectors, connector and samplers learn from questions to hand over what the
   encoders see, everything else is frozen. The oracle tokens are still what the visual tokens should look like.
5. ``joint``: the paper's second stage: everything together. The pull towards the oracle tokens fades, and the encoders'
   own objectives go on.

Wherever visual tokens are pulled towards the oracle's, in some steps they are also made without SigLIP, CLIP or DINOv2,
and pulled towards oracle tokens without what that encoder is there for: so the encoders share the work.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..model.cambrian import Ablation, Cambrian
from ..model.geometry import Geometry, geometry
from ..tokens import Tokenizer
from .batch import Batch
from .objectives import PARTS, Heads, answers, encoders

PARTING = 0.25
"""Chance that a step also teaches what the visual tokens do not tell without a certain encoder."""

ON_THE_WAY = {"mentions": 0.3, "tallies": 0.3, "recalls": 0.3}
"""Weights of what is to be found on the way to an answer (see ``objectives.answers``)."""


@dataclass(frozen=True)
class Stage:
    """``share`` of the time, the same for what runs side by side; ``mix`` of batch kinds.

    ``pull`` towards the oracle tokens, and ``seeing``, the weight of the encoders' own objectives, at progress 0 and 1.
    """

    name: str
    share: float
    mix: tuple[tuple[str, float], ...]
    pull: tuple[float, float]
    seeing: tuple[float, float]
    trains: Callable[[str], bool]


def _decoder(key: str) -> bool:
    parts = ("model.layers", "model.embed_tokens", "model.norm", "model.image_newline", "lm_head")
    return key.startswith((*parts, "oracle", "mention", "tally", "recall"))


def _encoders(key: str) -> bool:
    return key.startswith(("towers", "model.mm_projector_aux", "captions", "patches", "letters"))


def _sight(key: str) -> bool:
    return _encoders(key) or key.startswith(("model.mm_projector.", "model.vision_query", "model.vision_sampler_0"))


def _connector(key: str) -> bool:
    return key.startswith(("model.mm_projector", "model.vision_"))


STAGES = {
    stage.name: stage
    for stage in (
        Stage("decoder", 0.55, (("oracle", 0.97), ("blind", 0.03)), (0, 0), (0, 0), _decoder),
        Stage("encoders", 0.55, (("encoders", 1.0),), (0, 0), (1, 1), _encoders),
        Stage("sight", 0.18, (("encoders", 1.0),), (3.0, 3.0), (0.3, 0.15), _sight),
        Stage("connector", 0.02, (("answers", 1.0),), (1.0, 1.0), (0, 0), _connector),
        Stage(
            "joint", 0.25, (("answers", 0.50), ("encoders", 0.17), ("oracle", 0.30), ("blind", 0.03)),
            (1.0, 0.3), (0.15, 0.10), lambda key: True,
        ),
    )
}  # fmt: skip
"""By name, in order."""

LEVELS = (("decoder", "encoders"), ("sight",), ("connector",), ("joint",))
"""Names of stages; those of one level need nothing of each other."""


def losses(
    stage: Stage, progress: float, model: Cambrian, heads: Heads, tokenizer: Tokenizer, batch: Batch
) -> dict[str, torch.Tensor]:
    """What ``batch`` asks to be made small, by name."""
    pull = stage.pull[0] + (stage.pull[1] - stage.pull[0]) * min(1.0, 2 * progress)
    place = geometry(model.dims, *batch.size)
    wanted, places = heads.oracle(batch.oracle), batch.oracle["place"] + batch.oracle["sign_place"]
    if batch.kind == "encoders":
        weight = stage.seeing[0] + (stage.seeing[1] - stage.seeing[0]) * progress
        parts, projected = encoders(model, heads, batch, whole=pull > 0)
        found = {name: weight * loss for name, loss in parts.items()}
        if pull > 0:
            visual = model.connect(model.see(projected, batch.size))
            found["pull"] = pull * _distance(visual, wanted, place)
            found |= _parted(pull, model, heads, projected, batch, place)
        return found
    if batch.kind == "blind":
        return {"blind": answers(model, heads, tokenizer, batch.text, None, None, wanted, places)["answers"]}
    if batch.kind == "oracle":
        image = model.image_tokens(wanted, place)
        found = answers(model, heads, tokenizer, batch.text, image, None, wanted, places)
        return {"oracle": found.pop("answers")} | _scaled(found)

    projected = model.look(model.pixels(batch.views))
    seen = model.see(projected, batch.size)
    visual = model.connect(seen)
    image = model.image_tokens(visual, place)
    found = _scaled(answers(model, heads, tokenizer, batch.text, image, seen, wanted, places))
    if pull > 0:
        found["pull"] = pull * _distance(visual, wanted, place)
        found |= _parted(pull, model, heads, projected, batch, place)
    return found


def _parted(
    pull: float, model: Cambrian, heads: Heads, projected: list[torch.Tensor], batch: Batch, place: Geometry
) -> dict[str, torch.Tensor]:
    """In some steps: how far the visual tokens without one encoder are from the oracle's without its part."""
    if torch.rand(()) >= PARTING:
        return {}
    off = int(torch.randint(len(PARTS), ()))
    visual = model.connect(model.see(projected, batch.size, Ablation(frozenset((off,)))))
    return {"parted": pull * _distance(visual, heads.oracle(batch.oracle, without=PARTS[off]), place)}


def _scaled(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: ON_THE_WAY.get(name, 1.0) * loss for name, loss in found.items()}


def _distance(visual: torch.Tensor, wanted: torch.Tensor, place: Geometry) -> torch.Tensor:
    """How far visual tokens are from the oracle's, 1 for the best constant."""
    wanted = wanted[:, place.kept].detach()
    return F.mse_loss(visual[:, place.kept], wanted) / wanted.var().clamp(min=1e-6)
